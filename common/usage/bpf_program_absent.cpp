// SPDX-License-Identifier: Apache-2.0
#include "common/usage/bpf_program.hpp"

namespace wattvisor {

bool is_bpf_built_in() {
    return false;
}

Result<std::unique_ptr<BpfMaps>> load_bpf_program(std::size_t /*sockets*/,
                                                  std::size_t /*entries*/) {
    return Error{Severity::fatal, "this program was built without BPF", "CPU time by BPF",
                 "Build it with clang, bpftool and libbpf-dev installed"};
}

} // namespace wattvisor
