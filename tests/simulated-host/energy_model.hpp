// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the simulated host: from CPU time to energy to what a counter shows. All in
// integers, so that the truth is exact to the microjoule however long it runs and however uneven
// its steps are. Pure values; any thread. Knows no file and no clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace wattvisor::simulated {

// Adds up power over time: microwatts × nanoseconds, in whole microjoules, the rest carried on.
class EnergyMeter {
public:
    void add(std::uint64_t microwatts, std::chrono::nanoseconds time);
    [[nodiscard]] std::uint64_t total_uj() const { return total_uj_; }

private:
    std::uint64_t total_uj_ = 0;
    std::uint64_t rest_ = 0; // in 10^-9 µJ, less than 10^9
};

// `millionths` of the total. From the total and not from its steps, so there is no rest to carry.
[[nodiscard]] std::uint64_t fraction_of(std::uint64_t total_uj, std::uint64_t millionths);

struct CounterReading {
    std::uint64_t shown_uj = 0;
    std::uint64_t wraps = 0;

    friend bool operator==(const CounterReading&, const CounterReading&) = default;
};

// What a counter shows that began at `start_uj` and goes from `range_uj` to 0: it has range + 1
// values, as those of the kernel's powercap class (Documentation/power/powercap/powercap.rst).
[[nodiscard]] CounterReading show_counter(std::uint64_t total_uj, std::uint64_t start_uj,
                                          std::uint64_t range_uj);

} // namespace wattvisor::simulated
