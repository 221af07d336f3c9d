// SPDX-License-Identifier: Apache-2.0
// How long to wait before a server that failed is tried again: twice as long each time, up to a
// limit, and by chance up to half of it shorter, so that many agents whose server restarts do not
// all come back in the same moment. Pure.
#pragma once

#include <chrono>

namespace wattvisor {

struct BackOff {
    std::chrono::nanoseconds first = std::chrono::milliseconds(500);
    std::chrono::nanoseconds longest = std::chrono::seconds(30);

    // After so many failures in a row (1 or more). `chance` is from 0 to 1.
    [[nodiscard]] std::chrono::nanoseconds pause(unsigned failures, double chance) const;
};

} // namespace wattvisor
