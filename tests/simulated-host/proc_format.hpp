// SPDX-License-Identifier: Apache-2.0
// The texts of the simulated /proc, field for field as the kernel writes them (proc(5),
// fs/proc/array.c, fs/proc/stat.c): times in ticks of 10 ms, each field cut for itself. Pure
// functions of the model; any thread.
#pragma once

#include "tests/simulated-host/cpu_grid.hpp"
#include "tests/simulated-host/population.hpp"

#include <span>
#include <string>

namespace wattvisor::simulated {

inline constexpr std::uint64_t kNanosPerTick = 10'000'000; // USER_HZ is 100 everywhere

// /proc/stat: the sum of all CPUs is cut once, and is not the sum of the lines below it.
[[nodiscard]] std::string format_stat(std::span<const CpuTimes> cpus, std::uint64_t processes,
                                      std::uint64_t boot_time);

// /proc/PID/stat: all threads, ended ones included.
[[nodiscard]] std::string format_process_stat(const Process& process);
// /proc/PID/task/TID/stat.
[[nodiscard]] std::string format_task_stat(const Process& process, const Task& task);
// /proc/PID/task/TID/schedstat: time on a CPU in nanoseconds, time waited, times scheduled.
[[nodiscard]] std::string format_schedstat(const Task& task);
[[nodiscard]] std::string format_status(const Process& process);
// Arguments with a zero byte behind each.
[[nodiscard]] std::string format_cmdline(const Process& process);
// /proc/PID/cgroup and /proc/PID/task/TID/cgroup for a task in that group.
[[nodiscard]] std::string format_cgroup(CgroupVersion version, const std::string& path);

} // namespace wattvisor::simulated
