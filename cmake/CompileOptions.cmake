# SPDX-License-Identifier: Apache-2.0
# One interface target carries what every target of this project is compiled with.
add_library(wattvisor_options INTERFACE)
target_compile_features(wattvisor_options INTERFACE cxx_std_20)
target_include_directories(wattvisor_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(
  wattvisor_options
  INTERFACE WATTVISOR_VERSION="${PROJECT_VERSION}"
            # Header-only Asio without deprecated names; one thread runs each io_context.
            BOOST_ASIO_NO_DEPRECATED)
target_compile_options(
  wattvisor_options
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
            -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wduplicated-cond -Wlogical-op
            -Wformat=2 -fstack-protector-strong
            # GCC 12 reports false positives inside its own string and Boost headers.
            -Wno-restrict $<$<NOT:$<CONFIG:Debug>>:-Wno-stringop-overread;-Wno-stringop-overflow>
            $<$<BOOL:${WATTVISOR_WERROR}>:-Werror>)
target_compile_definitions(
  wattvisor_options INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>
                              $<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=2>)
target_link_options(wattvisor_options INTERFACE -Wl,-z,relro,-z,now)

if(WATTVISOR_SANITIZERS)
  target_compile_options(wattvisor_options INTERFACE -fsanitize=${WATTVISOR_SANITIZERS}
                                                     -fno-omit-frame-pointer
                                                     -fno-sanitize-recover=all)
  target_link_options(wattvisor_options INTERFACE -fsanitize=${WATTVISOR_SANITIZERS})
  if(WATTVISOR_SANITIZERS MATCHES undefined)
    # The check of virtual tables opens a pipe now and then, and takes it for a broken object when there
    # is no descriptor left, which is just what some tests are about.
    target_compile_options(wattvisor_options INTERFACE -fno-sanitize=vptr)
  endif()
  if(WATTVISOR_SANITIZERS MATCHES thread)
    # ThreadSanitizer does not model the fences in Asio; they order nothing that its mutexes do not.
    target_compile_options(wattvisor_options INTERFACE -Wno-tsan)
  endif()
endif()

# ccache makes the second build of CI cheap; without it the build is the same, only slower.
find_program(WATTVISOR_CCACHE ccache)
if(WATTVISOR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WATTVISOR_CCACHE})
endif()
