// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/zone_floor.hpp"

namespace wattvisor {

namespace {

// Long enough that the pause between two bursts of a busy machine is not taken for its floor.
constexpr auto kWindow = std::chrono::seconds(10);

} // namespace

std::optional<std::uint64_t> FloorWatch::add(std::uint64_t energy_uj,
                                             std::chrono::nanoseconds time) {
    energy_uj_ += energy_uj;
    time_ += time;
    if (time_ < kWindow) {
        return std::nullopt;
    }
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time_).count();
    const std::uint64_t power_uw = energy_uj_ * 1'000 / static_cast<std::uint64_t>(milliseconds);
    interrupt();
    return power_uw;
}

void FloorWatch::interrupt() {
    energy_uj_ = 0;
    time_ = std::chrono::nanoseconds(0);
}

} // namespace wattvisor
