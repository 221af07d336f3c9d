// SPDX-License-Identifier: Apache-2.0
#include "common/energy/counter.hpp"

#include <algorithm>

namespace wattvisor {

CounterDelta counter_delta(std::optional<std::uint64_t> previous_uj, std::uint64_t current_uj,
                           std::uint64_t max_range_uj, std::uint64_t most_uj) {
    if (!previous_uj) {
        return {CounterStep::first, 0};
    }
    if (current_uj >= *previous_uj) {
        const std::uint64_t step = current_uj - *previous_uj;
        return step > most_uj ? CounterDelta{CounterStep::jumped, 0}
                              : CounterDelta{CounterStep::advanced, step};
    }
    if (*previous_uj > max_range_uj) { // also where the range is unknown
        return {CounterStep::reset, 0};
    }
    // From the last reading to the largest value, one step to 0, and on to the current one.
    const std::uint64_t to_edge = max_range_uj - *previous_uj;
    const std::uint64_t most = std::min(max_range_uj / 2, most_uj);
    if (to_edge >= most || current_uj >= most - to_edge) {
        return {CounterStep::reset, 0};
    }
    return {CounterStep::wrapped, to_edge + 1 + current_uj};
}

std::uint64_t most_energy_uj(std::chrono::nanoseconds time) {
    constexpr std::uint64_t kMostWatts = 10'000;
    constexpr std::uint64_t kMicrojoulesPerMillijoule = 1'000; // a watt for a millisecond
    constexpr auto kSlack = std::chrono::seconds(1);
    // A day is enough: no counter of today runs that long without a wrap.
    constexpr std::chrono::nanoseconds kLongest = std::chrono::hours(24);
    const auto span = std::clamp(time, std::chrono::nanoseconds(0), kLongest) + kSlack;
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(span).count();
    return static_cast<std::uint64_t>(milliseconds) * kMostWatts * kMicrojoulesPerMillijoule;
}

} // namespace wattvisor
