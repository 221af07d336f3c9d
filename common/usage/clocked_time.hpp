// SPDX-License-Identifier: Apache-2.0
// The CPU time of a process of which a count per socket has missed some: the process' own clock
// says how much it was, and the count where. Slices that are over were surely there; one that seems
// to run may have ended without a word, so it has what the clock says beyond those. Goes on where
// the count was, and never goes back. Pure; one thread.
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

// What such a count says now.
struct SliceCount {
    SocketTimes finished; // slices that are over
    SocketTimes running;  // of others, for how long they seem to run
    MissedSlices missed;
};

class ClockedTime {
public:
    // `told` is what was told of the process until now, and `before` what its clock showed when the
    // count began.
    ClockedTime(const SocketTimes& told, std::chrono::nanoseconds before);

    // Whether the count alone might mislead: something was missed since, or seems to run. Else
    // update() does without the clock, which is a system call; the next one makes up for whatever
    // was missed without a word.
    [[nodiscard]] bool needs_clock(const SliceCount& count) const;
    // No clock where it is not needed, and where the process has ended: then the count has the last
    // word.
    [[nodiscard]] SocketTimes update(const SliceCount& count,
                                     std::optional<std::chrono::nanoseconds> clock);

private:
    void see(const SliceCount& count, std::optional<std::chrono::nanoseconds> clock);
    void see_missed(std::chrono::nanoseconds time, const MissedSlices& missed);

    std::chrono::nanoseconds before_;
    std::chrono::nanoseconds total_{0};
    std::optional<SliceCount> last_;
    PartsOfTotal parts_;
};

} // namespace wattvisor
