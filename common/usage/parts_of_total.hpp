// SPDX-License-Identifier: Apache-2.0
// Splits a total that only grows into parts that only grow, and that add up to it exactly, in
// proportion to what was seen of each part. What is seen may run ahead of the total (it was read
// later) or stay behind it (threads that ended): the first waits for the total, the second is
// shared in proportion. Whole nanoseconds; pure, any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

namespace wattvisor {

class PartsOfTotal {
public:
    explicit PartsOfTotal(std::size_t parts);

    // How many parts there are from now on. Time of parts that go away goes to the last one left.
    void resize(std::size_t parts);

    // So much was seen of this part since the last advance().
    void see(std::size_t part, std::chrono::nanoseconds used);

    // The total is this now. One below the last changes nothing. Where nothing was seen the growth
    // is shared as all before it was, and goes to `fallback` at the very start.
    void advance(std::chrono::nanoseconds total, std::size_t fallback = 0);

    // They add up to the largest total so far.
    [[nodiscard]] std::span<const std::chrono::nanoseconds> parts() const { return parts_; }

private:
    void share(std::chrono::nanoseconds growth, std::span<const std::chrono::nanoseconds> weights);
    void keep_what_was_not_given(std::chrono::nanoseconds given);

    std::vector<std::chrono::nanoseconds> parts_;
    std::vector<std::chrono::nanoseconds> seen_;
    std::vector<std::chrono::nanoseconds> given_; // of the last growth; kept for its memory
    std::chrono::nanoseconds total_{0};
};

} // namespace wattvisor
