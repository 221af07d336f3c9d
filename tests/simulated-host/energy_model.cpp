// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/energy_model.hpp"

namespace wattvisor::simulated {

namespace {

constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;
constexpr std::uint64_t kMillion = 1'000'000;

} // namespace

void EnergyMeter::add(std::uint64_t microwatts, std::chrono::nanoseconds time) {
    if (time.count() <= 0) {
        return;
    }
    // Whole seconds apart, so that 10 kW for a year does not overflow.
    const auto nanos = static_cast<std::uint64_t>(time.count());
    rest_ += microwatts * (nanos % kNanosPerSecond);
    total_uj_ += microwatts * (nanos / kNanosPerSecond) + rest_ / kNanosPerSecond;
    rest_ %= kNanosPerSecond;
}

std::uint64_t fraction_of(std::uint64_t total_uj, std::uint64_t millionths) {
    return total_uj / kMillion * millionths + total_uj % kMillion * millionths / kMillion;
}

CounterReading show_counter(std::uint64_t total_uj, std::uint64_t start_uj,
                            std::uint64_t range_uj) {
    const std::uint64_t sum = start_uj + total_uj;
    return {sum % (range_uj + 1), sum / (range_uj + 1)};
}

} // namespace wattvisor::simulated
