// SPDX-License-Identifier: Apache-2.0
// Processes that nobody saw alive between two ticks (compilers, shells, scripts' commands), as
// consumers by name: one for each name, so that a build of ten thousand compilers is one line and
// none is lost. A process chooses its name, so how many there may be is bounded.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/usage/cpu_time_source.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace wattvisor {

class ShortLives {
public:
    static constexpr std::size_t kMostNames = 200;
    // Names beyond the limit are one consumer of this name.
    static constexpr const char* kOverflow = "(short-lived)";

    void add(const std::vector<ShortLife>& lives);
    // Consumers whose name was not seen for long are left out from then on.
    void append_to(std::vector<ConsumerUsage>& consumers);

private:
    struct Name {
        ConsumerPtr consumer;
        SocketTimes time;
        std::uint64_t used_in = 0; // the tick of the last process of this name
    };
    [[nodiscard]] Name& name_of(const std::string& comm);

    std::unordered_map<std::string, Name> names_;
    std::uint64_t ticks_ = 0;
};

// Adds socket by socket; `sum` grows to as many sockets as `more` has.
void add_times(SocketTimes& sum, const SocketTimes& more);

// `now` less `before`, socket by socket, never negative.
[[nodiscard]] SocketTimes difference(const SocketTimes& now, const SocketTimes& before);

} // namespace wattvisor
