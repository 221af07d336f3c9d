// SPDX-License-Identifier: Apache-2.0
#include "common/energy/counter.hpp"

namespace wattvisor {

CounterDelta counter_delta(std::optional<std::uint64_t> previous_uj, std::uint64_t current_uj,
                           std::uint64_t max_range_uj) {
    if (!previous_uj) {
        return {CounterStep::first, 0};
    }
    if (current_uj >= *previous_uj) {
        return {CounterStep::advanced, current_uj - *previous_uj};
    }
    if (*previous_uj > max_range_uj) { // also where the range is unknown
        return {CounterStep::reset, 0};
    }
    // From the last reading to the largest value, one step to 0, and on to the current one.
    const std::uint64_t to_edge = max_range_uj - *previous_uj;
    const std::uint64_t half = max_range_uj / 2;
    if (to_edge >= half || current_uj >= half - to_edge) {
        return {CounterStep::reset, 0};
    }
    return {CounterStep::wrapped, to_edge + 1 + current_uj};
}

} // namespace wattvisor
