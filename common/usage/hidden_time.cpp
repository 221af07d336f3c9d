// SPDX-License-Identifier: Apache-2.0
#include "common/usage/hidden_time.hpp"

#include <algorithm>

namespace wattvisor {

void HiddenTime::update(const SocketTimes& counted, std::chrono::nanoseconds not_idle,
                        std::chrono::nanoseconds error) {
    for (std::size_t socket = 0; socket < counted.size(); ++socket) {
        parts_.see(socket, counted[socket] - last_[socket]);
    }
    last_ = counted;
    const std::chrono::nanoseconds sum = total_of(counted);
    hidden_ = std::max(hidden_, not_idle - sum - error);
    parts_.advance(sum + hidden_);
}

SocketTimes HiddenTime::all() const {
    const auto parts = parts_.parts();
    return {parts.begin(), parts.end()};
}

} // namespace wattvisor
