// SPDX-License-Identifier: Apache-2.0
// Completes a count of busy time that is exact but may not see everything: interrupts, and tasks
// whose switches a kernel does not show to tracing programs. What the machine was busy beyond it is
// told by its idle time, which sees all and is coarse. The coarse one is believed only as far as
// its error cannot explain the difference: so the sum has no noise of it from tick to tick, and
// lacks at most that error, once. Pure; any thread.
#pragma once

#include "common/usage/cpu_topology.hpp"
#include "common/usage/parts_of_total.hpp"

#include <chrono>

namespace wattvisor {

class HiddenTime {
public:
    explicit HiddenTime(std::size_t sockets) : last_(sockets), parts_(sockets) {}

    // `counted` is the exact count, per socket, which never goes back; `not_idle` the coarse one of
    // all sockets, which is off by at most `error`. Both since about the same moment. Hidden time
    // is spread over the sockets as what was counted since the last call.
    void update(const SocketTimes& counted, std::chrono::nanoseconds not_idle,
                std::chrono::nanoseconds error);

    // What was counted, and what was hidden from it.
    [[nodiscard]] SocketTimes all() const;

private:
    SocketTimes last_;
    PartsOfTotal parts_;
    std::chrono::nanoseconds hidden_{0};
};

} // namespace wattvisor
