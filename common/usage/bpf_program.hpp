// SPDX-License-Identifier: Apache-2.0
// Loads the BPF program that counts CPU time (bpf/cpu_time.bpf.c) into the kernel. Where the build
// had no clang, bpftool or libbpf, bpf_program_absent.cpp stands in and says so. Unloaded by the
// destructor. Called once, by the thread that ticks.
#pragma once

#include "common/base/error.hpp"
#include "common/usage/bpf_reading.hpp"

#include <cstddef>
#include <memory>

namespace wattvisor {

[[nodiscard]] bool is_bpf_built_in();

// Loaded, but counting only after start(): the sockets of the CPUs are set in between.
[[nodiscard]] Result<std::unique_ptr<BpfMaps>> load_bpf_program(std::size_t sockets,
                                                                std::size_t entries);

} // namespace wattvisor
