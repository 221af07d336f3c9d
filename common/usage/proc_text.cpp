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
std::optional<std::uint64_t> parse_busy_fields(std::string_view line) {
    constexpr std::array<bool, 7> kIsBusy{true, true, true, false, false, true, true};
    std::uint64_t busy = 0;
    for (const bool is_busy : kIsBusy) {
        const auto ticks = parse_number(next_field(line));
        if (!ticks) {
            return std::nullopt;
        }
        busy += is_busy ? *ticks : 0;
    }
    return busy;
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

std::optional<std::uint64_t> parse_busy_ticks(std::string_view stat) {
    constexpr std::string_view kAllCpus = "cpu ";
    if (!stat.starts_with(kAllCpus)) {
        return std::nullopt;
    }
    const std::string_view line = stat.substr(0, stat.find('\n'));
    return parse_busy_fields(line.substr(kAllCpus.size()));
}

std::vector<std::uint64_t> parse_busy_ticks_per_cpu(std::string_view stat) {
    constexpr std::string_view kCpu = "cpu";
    constexpr std::uint64_t kMostCpus = 1U << 16U;
    std::vector<std::uint64_t> ticks;
    stat.remove_prefix(std::min(stat.find('\n'), stat.size() - 1) + 1); // the line of all CPUs
    while (stat.starts_with(kCpu)) {
        std::string_view line = stat.substr(kCpu.size(), stat.find('\n') - kCpu.size());
        const auto cpu = parse_number(next_field(line));
        const auto busy = parse_busy_fields(line);
        if (cpu && busy && *cpu < kMostCpus) {
            ticks.resize(std::max<std::size_t>(ticks.size(), *cpu + 1));
            ticks[*cpu] = *busy;
        }
        stat.remove_prefix(std::min(stat.find('\n'), stat.size() - 1) + 1);
    }
    return ticks;
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
