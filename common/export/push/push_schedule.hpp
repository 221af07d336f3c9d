// SPDX-License-Identifier: Apache-2.0
// At which ticks an exporter sends: it is called at every tick and sends once per step. Pure.
#pragma once

#include <chrono>
#include <optional>

namespace wattvisor {

class PushSchedule {
public:
    explicit PushSchedule(std::chrono::nanoseconds step) : step_(step) {}

    // `now` and `interval` are the monotonic clock and the time between ticks. Half a tick too
    // early counts as on time: ticks tremble, and a step must not wait for the next one because
    // of a microsecond.
    [[nodiscard]] bool due(std::chrono::nanoseconds now, std::chrono::nanoseconds interval) {
        if (next_ && now + interval / 2 < *next_) {
            return false;
        }
        // Steps that were missed, because the machine slept, are not made up for.
        const bool is_late = !next_ || now >= *next_ + step_;
        next_ = (is_late ? now : *next_) + step_;
        return true;
    }

private:
    std::chrono::nanoseconds step_;
    std::optional<std::chrono::nanoseconds> next_;
};

} // namespace wattvisor
