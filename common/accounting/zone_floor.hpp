// SPDX-License-Identifier: Apache-2.0
// Learns what a zone uses when nothing runs: the least power over any ten seconds. It can only be
// too high, on a machine that was never idle, and then falls at its first quiet moment. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace wattvisor {

class FloorWatch {
public:
    // Energy of a measured interval. Returns the power in microwatts of the window that it ends.
    [[nodiscard]] std::optional<std::uint64_t> add(std::uint64_t energy_uj,
                                                   std::chrono::nanoseconds time);
    // A gap: windows do not reach over it.
    void interrupt();

private:
    std::uint64_t energy_uj_ = 0;
    std::chrono::nanoseconds time_{0};
};

} // namespace wattvisor
