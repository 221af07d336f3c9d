// SPDX-License-Identifier: Apache-2.0
// Opens the source of CPU times that was asked for, or the best that works here, and logs which it
// is and what it cannot know. Used while starting; throws StartError.
#pragma once

#include "common/usage/cpu_time_choice.hpp"
#include "common/usage/cpu_time_source.hpp"

#include <filesystem>
#include <memory>

namespace wattvisor {

// `proc_root` names another machine's or a fake /proc in tests and containers: then there are
// files only, whatever was asked for but bpf.
[[nodiscard]] std::unique_ptr<CpuTimeSource> open_cpu_time(CpuTimeChoice choice,
                                                           const std::filesystem::path& proc_root,
                                                           const CpuTopologyPtr& topology);

// The topology below `sys_root`; all CPUs as one socket where it cannot be read.
[[nodiscard]] CpuTopologyPtr host_topology(const std::filesystem::path& sys_root);

} // namespace wattvisor
