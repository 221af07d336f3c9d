// SPDX-License-Identifier: Apache-2.0
// One zone's counter over time, as the meter follows it: what it added since the last reading, and
// what happened to it. A counter that cannot be read, or that stands still although hardware never
// does, is left out with a reason; what it used meanwhile is charged when it goes on. Pure.
#pragma once

#include "common/base/error.hpp"
#include "common/energy/counter.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace wattvisor {

class ZoneCounter {
public:
    struct Reading {
        Result<std::uint64_t> value_uj;
        std::uint64_t max_range_uj = 0;
        std::chrono::nanoseconds time{0}; // on any clock that does not stop between two readings
        bool has_slept = false;           // the machine was suspended since the last reading
        bool moves_always = false;        // hardware: one that stands still is frozen
    };

    // Before the readings of a tick: whoever is not read in it is no longer there.
    void expect();
    CounterDelta read(const Reading& reading);

    // Energy since the last reading; 0 where it was not read.
    [[nodiscard]] std::uint64_t delta_uj() const { return delta_uj_; }
    // The time that the delta covers: longer than a tick after a gap.
    [[nodiscard]] std::chrono::nanoseconds span() const { return span_; }
    [[nodiscard]] std::optional<std::uint64_t> last_uj() const { return last_uj_; }
    [[nodiscard]] bool is_listed() const { return is_listed_; }
    // The delta covers exactly the time since the reading before, so power can be derived from it.
    [[nodiscard]] bool is_measured() const { return is_measured_; }
    [[nodiscard]] const std::string& problem() const { return problem_; }
    // It has never counted anything: there are processors that show such a zone.
    [[nodiscard]] bool is_dead() const { return is_frozen_ && last_uj_ == std::uint64_t{0}; }

private:
    void watch_stillness(const Reading& reading, std::uint64_t moved_uj);

    std::optional<std::uint64_t> last_uj_;
    std::chrono::nanoseconds moved_at_{0}; // the last reading that the delta does not cover
    unsigned still_readings_ = 0;
    std::uint64_t delta_uj_ = 0;
    std::chrono::nanoseconds span_{0};
    bool is_listed_ = false;
    bool was_read_ = false;
    bool is_measured_ = false;
    bool is_frozen_ = false;
    std::string problem_ = "was not read yet";
};

} // namespace wattvisor
