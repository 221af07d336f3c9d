// SPDX-License-Identifier: Apache-2.0
// Parsers for the texts of /proc. Pure functions of text: a process chooses its own name and
// arguments, so these take anything and answer with no value. Source: proc(5),
// Documentation/filesystems/proc.rst.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

// The fields of /proc/PID/stat that are used here. Times are in clock ticks (sysconf _SC_CLK_TCK).
struct PidStat {
    std::string comm;
    char state = '?';
    std::uint64_t flags = 0;      // PF_* of the kernel
    std::uint64_t user_ticks = 0; // includes guest time already
    std::uint64_t system_ticks = 0;
    std::uint64_t start_ticks = 0; // since boot; with the pid it names a process for good

    [[nodiscard]] bool is_kernel_thread() const;
};

[[nodiscard]] std::optional<PidStat> parse_pid_stat(std::string_view text);

// Clock ticks of a line of /proc/stat.
struct CpuTicks {
    // user + nice + system + irq + softirq. The kernel has guest time inside user and nice; adding
    // its column again is the classic error.
    std::uint64_t busy = 0;
    // idle + iowait + steal: in all others the CPU worked for somebody of this machine.
    std::uint64_t away = 0;
};

// Of all CPUs together.
[[nodiscard]] std::optional<CpuTicks> parse_all_cpus(std::string_view stat);

struct CpuLine {
    std::uint32_t cpu = 0;
    CpuTicks ticks;
};

// Of each; a CPU that is offline has no line.
[[nodiscard]] std::vector<CpuLine> parse_single_cpus(std::string_view stat);

// How many of these there are.
[[nodiscard]] std::uint32_t count_single_cpus(std::string_view stat);

// /proc/PID/cmdline: the arguments joined without separator, the way Scaphandre's label has them.
[[nodiscard]] std::string join_arguments(std::string_view cmdline);

} // namespace wattvisor
