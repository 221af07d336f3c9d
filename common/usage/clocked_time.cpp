// SPDX-License-Identifier: Apache-2.0
#include "common/usage/clocked_time.hpp"

#include <algorithm>
#include <utility>

namespace wattvisor {

using std::chrono::nanoseconds;

ClockedTime::ClockedTime(const SocketTimes& told, nanoseconds before)
    : before_(before), total_(total_of(told)), parts_(told.size()) {
    for (std::size_t socket = 0; socket < told.size(); ++socket) {
        parts_.see(socket, told[socket]);
    }
    parts_.advance(total_);
}

SocketTimes ClockedTime::update(const SliceCount& count, std::optional<nanoseconds> clock) {
    see(count, clock);
    parts_.advance(total_);
    last_ = count;
    const auto parts = parts_.parts();
    return {parts.begin(), parts.end()};
}

bool ClockedTime::needs_clock(const SliceCount& count) const {
    const auto seems_to_run = [](const SliceCount& slices) {
        return total_of(slices.running) > nanoseconds(0);
    };
    return !last_ || count.missed != last_->missed || seems_to_run(count) || seems_to_run(*last_);
}

void ClockedTime::see(const SliceCount& count, std::optional<nanoseconds> clock) {
    const std::size_t sockets = count.finished.size();
    SocketTimes sure(sockets, nanoseconds(0));
    SocketTimes running(sockets, nanoseconds(0));
    for (std::size_t socket = 0; last_ && socket < sockets; ++socket) {
        // Of a slice that seemed to run at the last look, the part until then was told.
        const nanoseconds ended = count.finished[socket] - last_->finished[socket];
        const nanoseconds told = last_->running[socket];
        sure[socket] = std::max(ended - told, nanoseconds(0));
        running[socket] = std::max(count.running[socket] - std::max(told - ended, nanoseconds(0)),
                                   nanoseconds(0));
    }
    const nanoseconds all_sure = total_of(sure);
    const nanoseconds all_running = total_of(running);
    const nanoseconds growth =
        clock ? std::max(*clock - before_ - total_, nanoseconds(0)) : all_sure + all_running;
    total_ += growth;
    const nanoseconds beyond = std::max(growth - all_sure, nanoseconds(0));
    const double part = all_running > beyond ? static_cast<double>(beyond.count()) /
                                                   static_cast<double>(all_running.count())
                                             : 1.0;
    for (std::size_t socket = 0; socket < sockets; ++socket) {
        parts_.see(socket,
                   sure[socket] + nanoseconds(static_cast<std::int64_t>(
                                      static_cast<double>(running[socket].count()) * part)));
    }
    see_missed(beyond - std::min(beyond, all_running), count.missed);
}

// Where it was missed since the last time; as what was counted where nothing tells.
void ClockedTime::see_missed(nanoseconds time, const MissedSlices& missed) {
    const auto is_fresh = [&](std::size_t socket) {
        return missed[socket] != (last_ ? last_->missed[socket] : 0);
    };
    std::int64_t places = 0;
    for (std::size_t socket = 0; socket < missed.size(); ++socket) {
        places += is_fresh(socket) ? 1 : 0;
    }
    for (std::size_t socket = 0; socket < missed.size(); ++socket) {
        if (is_fresh(socket)) {
            parts_.see(socket, time / places);
        }
    }
}

} // namespace wattvisor
