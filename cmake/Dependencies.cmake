# SPDX-License-Identifier: Apache-2.0
# Everything comes from Debian's packages; nothing is downloaded at configure or build time.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED) # header-only parts: Asio, Beast, System, CRC
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(pugixml REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Protobuf REQUIRED) # with protoc, which compiles .proto files at build time
find_package(PkgConfig REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(CRYPT REQUIRED IMPORTED_TARGET libxcrypt)
pkg_check_modules(LIBVIRT REQUIRED IMPORTED_TARGET libvirt>=9.0)
