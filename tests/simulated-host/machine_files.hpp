// SPDX-License-Identifier: Apache-2.0
// What does not change of a simulated host: which CPU is on which socket, and the NUMA nodes
// (Documentation/ABI/stable/sysfs-devices-system-cpu and -node). Written once; one thread.
#pragma once

#include "common/base/error.hpp"
#include "tests/simulated-host/simulated_host.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace wattvisor::simulated {

[[nodiscard]] Result<bool> write_machine_files(const std::filesystem::path& sys_root,
                                               const SimulatedHost& host);

// "4-7" for four numbers from 4 on, "4" for one, "" for none.
[[nodiscard]] std::string format_cpu_range(unsigned first, unsigned count);

// How much of a VM's memory is on each node, in MiB.
[[nodiscard]] std::vector<std::uint64_t> memory_per_node(const HostSpec& host, const VmSpec& vm);

} // namespace wattvisor::simulated
