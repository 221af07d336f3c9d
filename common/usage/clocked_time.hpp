// SPDX-License-Identifier: Apache-2.0
// The CPU time of a process of which a count per socket has missed some: the process' own clock
// says how much it was, and the count where. Goes on where the count was, and never goes back.
// Pure; one thread.
#pragma once

#include "common/usage/cpu_topology.hpp"
#include "common/usage/parts_of_total.hpp"

#include <boost/container/small_vector.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace wattvisor {

// How often something was missed, per socket; begins again at 0 after its largest value.
using MissedSlices = boost::container::small_vector<std::uint32_t, 2>;

class ClockedTime {
public:
    // `before` is what the clock showed when the count began.
    ClockedTime(std::size_t sockets, std::chrono::nanoseconds before)
        : before_(before), last_(sockets), last_missed_(sockets), parts_(sockets) {}

    // What was counted until now, where some was missed, and the clock; none where the process has
    // ended: then the count has the last word.
    [[nodiscard]] SocketTimes update(const SocketTimes& counted, const MissedSlices& missed,
                                     std::optional<std::chrono::nanoseconds> clock);

private:
    void see_missed(std::chrono::nanoseconds time, const MissedSlices& missed);

    std::chrono::nanoseconds before_;
    std::chrono::nanoseconds total_{0};
    SocketTimes last_; // counted
    MissedSlices last_missed_;
    PartsOfTotal parts_;
};

} // namespace wattvisor
