// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/cpu_load.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace wattvisor::simulated {

namespace {

std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    return word;
}

// "cpu3 user nice system idle iowait irq softirq steal guest guest_nice"; not "cpu ", the sum.
std::optional<std::uint64_t> parse_line(std::string_view line) {
    const std::string_view label = take_word(line);
    if (!label.starts_with("cpu") || label.size() == 3) {
        return std::nullopt;
    }
    constexpr std::array<bool, 7> kIsBusy{true, true, true, false, false, true, true};
    std::uint64_t busy = 0;
    for (const bool is_busy : kIsBusy) {
        const std::string_view word = take_word(line);
        std::uint64_t ticks = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), ticks);
        if (error != std::errc{} || end != word.data() + word.size()) {
            return std::nullopt;
        }
        busy += is_busy ? ticks : 0;
    }
    return busy;
}

} // namespace

std::vector<std::chrono::nanoseconds> parse_busy_times(std::string_view text,
                                                       long ticks_per_second) {
    const std::chrono::nanoseconds tick =
        std::chrono::nanoseconds(std::chrono::seconds(1)) / std::max(ticks_per_second, 1L);
    std::vector<std::chrono::nanoseconds> times;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (const auto ticks = parse_line(line)) {
            times.push_back(tick * static_cast<std::int64_t>(*ticks));
        }
    }
    return times;
}

unsigned socket_of(std::size_t cpu, std::size_t cpus, unsigned sockets) {
    return cpus == 0 ? 0 : static_cast<unsigned>(cpu * sockets / cpus);
}

std::vector<std::chrono::nanoseconds>
busy_per_socket(const std::vector<std::chrono::nanoseconds>& before,
                const std::vector<std::chrono::nanoseconds>& now, unsigned sockets) {
    std::vector<std::chrono::nanoseconds> busy(sockets, std::chrono::nanoseconds(0));
    // Without knowing which CPU came or went, no pair of numbers belongs together.
    if (before.size() != now.size()) {
        return busy;
    }
    for (std::size_t cpu = 0; cpu < now.size(); ++cpu) {
        busy[socket_of(cpu, now.size(), sockets)] +=
            std::max(now[cpu] - before[cpu], std::chrono::nanoseconds(0));
    }
    return busy;
}

} // namespace wattvisor::simulated
