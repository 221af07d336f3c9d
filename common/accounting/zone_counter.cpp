// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/zone_counter.hpp"

#include <fmt/format.h>

namespace wattvisor {

namespace {

// RAPL is renewed each millisecond, and an idle package draws watts: so many readings over so long
// without one microjoule, and the counter does not count any more.
constexpr unsigned kStillReadings = 10;
constexpr auto kStillTime = std::chrono::seconds(10);

} // namespace

void ZoneCounter::expect() {
    was_read_ = last_uj_ && problem_.empty();
    is_listed_ = false;
    is_measured_ = false;
    delta_uj_ = 0;
    problem_ = "no longer there";
}

CounterDelta ZoneCounter::read(const Reading& reading) {
    is_listed_ = true;
    if (!reading.value_uj) {
        // The last value is kept: the energy of the gap is charged when it can be read again.
        problem_ = reading.value_uj.error().message();
        return {CounterStep::first, 0};
    }
    const std::uint64_t value = *reading.value_uj;
    span_ = reading.time - moved_at_;
    CounterDelta delta = counter_delta(last_uj_, value, reading.max_range_uj,
                                       last_uj_ ? most_energy_uj(span_) : kNoEnergyLimit);
    if (delta.step == CounterStep::wrapped && reading.has_slept) {
        delta = {CounterStep::reset, 0}; // firmware starts counters anew
    }
    watch_stillness(reading, delta.step == CounterStep::advanced ? delta.energy_uj : 1);
    // After a gap the delta is of a longer time than the one that was measured.
    is_measured_ = was_read_ && !reading.has_slept && !is_frozen_ &&
                   (delta.step == CounterStep::advanced || delta.step == CounterStep::wrapped);
    problem_ = is_frozen_ ? fmt::format("stands still at {} microjoules", value) : std::string();
    delta_uj_ = delta.energy_uj;
    last_uj_ = value;
    return delta;
}

void ZoneCounter::watch_stillness(const Reading& reading, std::uint64_t moved_uj) {
    if (moved_uj > 0 || !reading.moves_always) {
        still_readings_ = 0;
        moved_at_ = reading.time;
        is_frozen_ = false;
        return;
    }
    ++still_readings_;
    is_frozen_ = still_readings_ >= kStillReadings && reading.time - moved_at_ >= kStillTime;
}

} // namespace wattvisor
