# SPDX-License-Identifier: Apache-2.0
# The BPF program that counts CPU time is compiled by clang and built into a header by bpftool. The build machine needs
# neither BTF nor privileges. Without the tools the program says at run time that it was built without.
set(WATTVISOR_BPF AUTO CACHE STRING "Build the precise CPU time source: AUTO (where the tools are there), ON or OFF")
set_property(CACHE WATTVISOR_BPF PROPERTY STRINGS AUTO ON OFF)

set(WATTVISOR_HAS_BPF OFF)
if(NOT WATTVISOR_BPF STREQUAL "OFF")
  find_program(WATTVISOR_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14)
  find_program(WATTVISOR_BPFTOOL bpftool PATHS /usr/sbin /sbin)
  pkg_check_modules(LIBBPF IMPORTED_TARGET libbpf>=1.1)
  set(missing "")
  foreach(tool IN ITEMS "WATTVISOR_CLANG clang" "WATTVISOR_BPFTOOL bpftool" "LIBBPF_FOUND libbpf-dev")
    separate_arguments(tool)
    list(GET tool 0 variable)
    list(GET tool 1 package)
    if(NOT ${variable})
      list(APPEND missing ${package})
    endif()
  endforeach()
  list(JOIN missing ", " missing)
  if(NOT missing)
    set(WATTVISOR_HAS_BPF ON)
  elseif(WATTVISOR_BPF STREQUAL "AUTO")
    message(STATUS "CPU time by BPF is not built: ${missing} missing (Debian's packages)")
  else()
    message(FATAL_ERROR "WATTVISOR_BPF=${WATTVISOR_BPF}, but these of Debian's packages are missing: ${missing}")
  endif()
endif()

add_custom_target(wattvisor_bpf_headers) # all that is generated; for tools that only read sources

# wattvisor_add_bpf_skeleton(TARGET NAME SOURCE [HEADER…]): a library TARGET with which NAME.skel.h can be included.
# Without the paths of this machine: what is built does not depend on where.
function(wattvisor_add_bpf_skeleton target name source)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/bpf)
  file(MAKE_DIRECTORY ${folder})
  set(multiarch "")
  if(CMAKE_LIBRARY_ARCHITECTURE) # where Debian has <asm/types.h>
    set(multiarch -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
  endif()
  add_custom_command(
    OUTPUT ${folder}/${name}.skel.h
    COMMAND ${WATTVISOR_CLANG} -target bpf -mcpu=v3 -g -O2 -Wall -Wextra -Wno-unused-parameter -Werror
            -ffile-prefix-map=${PROJECT_SOURCE_DIR}/= ${multiarch} -c ${CMAKE_CURRENT_SOURCE_DIR}/${source}
            -o ${folder}/${name}.with-dwarf.o
    COMMAND ${WATTVISOR_BPFTOOL} gen object ${folder}/${name}.bpf.o ${folder}/${name}.with-dwarf.o
    COMMAND ${WATTVISOR_BPFTOOL} gen skeleton ${folder}/${name}.bpf.o name ${name}_bpf > ${folder}/${name}.skel.h
    DEPENDS ${source} ${ARGN}
    COMMENT "Building BPF program ${name}"
    VERBATIM)
  add_custom_target(${target}_header DEPENDS ${folder}/${name}.skel.h)
  add_dependencies(wattvisor_bpf_headers ${target}_header)
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}_header)
  target_include_directories(${target} SYSTEM INTERFACE ${folder})
  target_link_libraries(${target} INTERFACE PkgConfig::LIBBPF)
endfunction()
