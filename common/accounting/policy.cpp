// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/policy.hpp"

#include <algorithm>
#include <numeric>

namespace wattvisor {

namespace {

__extension__ using Wide = unsigned __int128;

} // namespace

std::vector<EnergyPart> divide(Policy policy, std::uint64_t energy_uj, std::uint64_t floor_uj,
                               const ZoneUse& use) {
    EnergyPart by_activity{energy_uj, &use.used_ns, use.other_ns, 0};
    switch (policy) {
    case Policy::active:
        break;
    case Policy::capacity: {
        const std::uint64_t busy =
            std::accumulate(use.used_ns.begin(), use.used_ns.end(), use.other_ns);
        // Clocks are read one after the other, so a full machine can seem a little more than full.
        by_activity.idle = use.capacity_ns > busy ? use.capacity_ns - busy : 0;
        break;
    }
    case Policy::static_floor: {
        const std::uint64_t floor = std::min(floor_uj, energy_uj);
        by_activity.energy_uj -= floor;
        return {EnergyPart{floor, &use.vcpus, 0, 0}, by_activity};
    }
    }
    return {by_activity};
}

std::uint64_t energy_of(std::uint64_t power_uw, std::chrono::nanoseconds time) {
    if (time.count() <= 0) {
        return 0;
    }
    constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;
    return static_cast<std::uint64_t>(Wide{power_uw} * static_cast<std::uint64_t>(time.count()) /
                                      kNanosPerSecond);
}

} // namespace wattvisor
