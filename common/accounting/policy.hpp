// SPDX-License-Identifier: Apache-2.0
// How the energy of one zone and tick is divided before it is split: which parts there are, and by
// what each part is split. The choice is the operator's, per host, and says what an idle machine
// costs whom (docs/explanation/policies.md has a worked example). Pure: numbers in, numbers out.
#pragma once

#include "common/energy/zone.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace wattvisor {

enum class Policy {
    active,   // all energy by the time that something ran: idle power is shared by those who work
    capacity, // by the part of all CPUs' time: what nobody used is `idle`
    static_floor, // a floor of idle power by allocated vCPUs, the rest as `active`
};

// What the energy of memory (dram) is split by.
enum class DramBy {
    cpu_time, // as every other zone
    memory,   // resident memory on the nodes of the zone's socket
};

inline constexpr std::size_t kZoneKinds = kZoneKindNames.size();

struct PolicySettings {
    Policy policy = Policy::active;
    // For static_floor: microwatts per zone of a kind, by ZoneKind. None: the least power that was
    // seen of each zone is its floor.
    std::optional<std::array<std::uint64_t, kZoneKinds>> floor_uw;
    DramBy dram_by = DramBy::cpu_time;

    friend bool operator==(const PolicySettings&, const PolicySettings&) = default;
};

// What ran on the CPUs of one zone in one tick.
struct ZoneUse {
    const std::vector<std::uint64_t>& used_ns; // per consumer
    std::uint64_t other_ns = 0;
    std::uint64_t capacity_ns = 0;           // CPUs × time; 0 where not known
    const std::vector<std::uint64_t>& vcpus; // per consumer
};

// A part of the energy, and the weights by which it is split exactly.
struct EnergyPart {
    std::uint64_t energy_uj = 0;
    const std::vector<std::uint64_t>* weights = nullptr; // per consumer, in their order
    std::uint64_t other = 0;
    std::uint64_t idle = 0;
};

// One part or two; they add up to `energy_uj`. `floor_uj` is what the zone uses when nothing runs,
// over the time of the energy; it counts for static_floor alone.
[[nodiscard]] std::vector<EnergyPart> divide(Policy policy, std::uint64_t energy_uj,
                                             std::uint64_t floor_uj, const ZoneUse& use);

// Energy of a power over a time, cut to whole microjoules.
[[nodiscard]] std::uint64_t energy_of(std::uint64_t power_uw, std::chrono::nanoseconds time);

} // namespace wattvisor
