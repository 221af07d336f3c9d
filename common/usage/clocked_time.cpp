// SPDX-License-Identifier: Apache-2.0
#include "common/usage/clocked_time.hpp"

#include <algorithm>
#include <numeric>

namespace wattvisor {

using std::chrono::nanoseconds;

SocketTimes ClockedTime::update(const SocketTimes& counted, const MissedSlices& missed,
                                std::optional<nanoseconds> clock) {
    const nanoseconds before = total_;
    const nanoseconds growth = total_of(counted) - total_of(last_);
    for (std::size_t socket = 0; socket < counted.size(); ++socket) {
        parts_.see(socket, counted[socket] - last_[socket]);
    }
    const bool is_first = total_ == nanoseconds(0);
    if (is_first || !clock) {
        total_ += growth; // what was told before counts, also where it was too much
    }
    if (clock) {
        total_ = std::max(total_, *clock - before_);
    }
    see_missed(total_ - before - growth, missed);
    last_ = counted;
    last_missed_ = missed;
    parts_.advance(total_);
    const auto parts = parts_.parts();
    return {parts.begin(), parts.end()};
}

// Where it was missed since the last time; as what was counted where nothing tells.
void ClockedTime::see_missed(nanoseconds time, const MissedSlices& missed) {
    MissedSlices fresh(missed);
    for (std::size_t socket = 0; socket < fresh.size(); ++socket) {
        fresh[socket] = missed[socket] != last_missed_[socket] ? 1 : 0;
    }
    const auto places = std::accumulate(fresh.begin(), fresh.end(), 0U);
    for (std::size_t socket = 0; socket < fresh.size() && places > 0; ++socket) {
        parts_.see(socket, fresh[socket] > 0 ? time / places : nanoseconds(0));
    }
}

} // namespace wattvisor
