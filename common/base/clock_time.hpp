// SPDX-License-Identifier: Apache-2.0
// The kernel's clocks, clock_gettime(2), as a duration. Any thread; never fails for the clocks that
// every Linux has.
#pragma once

#include <chrono>
#include <ctime>

namespace wattvisor {

[[nodiscard]] inline std::chrono::nanoseconds clock_time(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

} // namespace wattvisor
