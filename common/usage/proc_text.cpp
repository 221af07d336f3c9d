// SPDX-License-Identifier: Apache-2.0
#include "common/usage/proc_text.hpp"

#include "common/base/text_file.hpp"

#include <algorithm>
#include <array>

namespace wattvisor {

namespace {

std::string_view next_field(std::string_view& text) {
    const auto first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) {
        text = {};
        return {};
    }
    text.remove_prefix(first);
    const auto length = std::min(text.find(' '), text.size());
    const std::string_view field = text.substr(0, length);
    text.remove_prefix(length);
    return field;
}

// user nice system idle iowait irq softirq steal guest guest_nice
std::optional<CpuTicks> parse_cpu_fields(std::string_view line) {
    constexpr std::array<bool, 8> kIsBusy{true, true, true, false, false, true, true, false};
    CpuTicks ticks;
    for (std::size_t field = 0; field < kIsBusy.size(); ++field) {
        const auto number = parse_number(next_field(line));
        if (!number) {
            return field == 7 ? std::optional(ticks) : std::nullopt; // no steal before Linux 2.6.11
        }
        (kIsBusy[field] ? ticks.busy : ticks.away) += *number;
    }
    return ticks;
}

// Calls `take` with what follows "cpu" in the line of each single CPU.
template <typename Take>
void for_each_cpu_line(std::string_view stat, Take take) {
    constexpr std::string_view kCpu = "cpu";
    take_until(stat, '\n'); // the line of all CPUs
    while (stat.starts_with(kCpu)) {
        take(take_until(stat, '\n').substr(kCpu.size()));
    }
}

} // namespace

bool PidStat::is_kernel_thread() const {
    constexpr std::uint64_t kPfKthread = 0x00200000; // include/linux/sched.h
    return (flags & kPfKthread) != 0;
}

std::optional<PidStat> parse_pid_stat(std::string_view text) {
    // A thread may be named "a) R (b": only the last parenthesis ends the name.
    const auto open = text.find('(');
    const auto close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
        return std::nullopt;
    }
    PidStat stat;
    stat.comm = text.substr(open + 1, close - open - 1);
    std::string_view rest = trim(text.substr(close + 1));
    const std::string_view state = next_field(rest);
    if (state.size() != 1) {
        return std::nullopt;
    }
    stat.state = state.front();
    // Field numbers as in proc(5), where state is field 3.
    constexpr int kFlags = 9;
    constexpr int kUserTime = 14;
    constexpr int kSystemTime = 15;
    constexpr int kStartTime = 22;
    for (int field = 4; field <= kStartTime; ++field) {
        const std::string_view word = next_field(rest);
        std::uint64_t* target = field == kFlags        ? &stat.flags
                                : field == kUserTime   ? &stat.user_ticks
                                : field == kSystemTime ? &stat.system_ticks
                                : field == kStartTime  ? &stat.start_ticks
                                                       : nullptr;
        if (target == nullptr) {
            continue;
        }
        const auto number = parse_number(word);
        if (!number) {
            return std::nullopt;
        }
        *target = *number;
    }
    return stat;
}

std::optional<CpuTicks> parse_all_cpus(std::string_view stat) {
    constexpr std::string_view kAllCpus = "cpu ";
    if (!stat.starts_with(kAllCpus)) {
        return std::nullopt;
    }
    return parse_cpu_fields(take_until(stat, '\n').substr(kAllCpus.size()));
}

std::vector<CpuLine> parse_single_cpus(std::string_view stat) {
    constexpr std::uint64_t kMostCpus = 1U << 16U;
    std::vector<CpuLine> cpus;
    for_each_cpu_line(stat, [&cpus](std::string_view line) {
        const auto cpu = parse_number(next_field(line));
        const auto ticks = parse_cpu_fields(line);
        if (cpu && ticks && *cpu < kMostCpus) {
            cpus.push_back({static_cast<std::uint32_t>(*cpu), *ticks});
        }
    });
    return cpus;
}

std::uint32_t count_single_cpus(std::string_view stat) {
    std::uint32_t count = 0;
    for_each_cpu_line(stat, [&count](std::string_view) { ++count; });
    return count;
}

std::string join_arguments(std::string_view cmdline) {
    std::string joined;
    joined.reserve(cmdline.size());
    for (const char c : cmdline) {
        if (c != '\0') {
            joined += c;
        }
    }
    return joined;
}

} // namespace wattvisor
