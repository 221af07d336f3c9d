// SPDX-License-Identifier: Apache-2.0
// The immutable result of one tick: all that an exporter ever sees. Totals are microjoules since
// the ledger began; power is derived from the time that was really measured and is absent where
// it is not known, never 0.
#pragma once

#include "common/accounting/carried_energy.hpp"
#include "common/accounting/component_energy.hpp"
#include "common/accounting/consumer.hpp"
#include "common/accounting/policy.hpp"
#include "common/energy/energy_source.hpp"
#include "common/energy/zone.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

// The totals of one zone. total_uj = consumers + ended_uj + other_uj + idle_uj, to the microjoule.
struct ZoneAccount {
    Zone zone;
    bool listed = false; // the source still has it; one that it has not keeps its totals
    bool readable = false;
    std::string problem;                   // why it is not readable
    std::uint64_t counter_uj = 0;          // the raw counter, only meaningful when readable
    std::uint64_t total_uj = 0;            // all that was charged from this zone
    std::uint64_t ended_uj = 0;            // of it: to consumers that are no longer listed
    std::uint64_t other_uj = 0;            // of it: to what is no consumer
    std::uint64_t idle_uj = 0;             // of it: to an idle machine
    std::optional<std::uint64_t> power_uw; // microwatts over the last measured interval
    std::uint64_t wraps = 0;
    std::uint64_t resets = 0;
    std::uint64_t jumps = 0;
    std::uint64_t unmetered_uj = 0;        // not in total_uj: used while no agent ran
    std::optional<std::uint64_t> floor_uw; // what the policy `static` takes for idle power
};

struct ConsumerAccount {
    ConsumerPtr consumer;
    std::vector<std::uint64_t> total_uj;         // per zone, in the order of Snapshot::zones
    std::chrono::nanoseconds cpu_time{0};        // since watched
    std::optional<std::uint64_t> power_uw;       // over the zones that count in the total
    std::optional<double> cpu_usage;             // CPUs used over the last measured interval
    std::optional<ComponentEnergy> components{}; // of a VM whose threads were looked at
    std::shared_ptr<const ProcessResources> resources{}; // of a process; null where not asked for
    KindEnergy carried{}; // what other hosts charged it before it came here; not in total_uj
    // Total over the zones that lie side by side (packages and dram).
    [[nodiscard]] std::uint64_t energy_uj(const std::vector<ZoneAccount>& zones) const;
};

// What belongs together: a systemd unit's processes, or a container's, ended ones included.
struct GroupAccount {
    std::string name;           // the unit, or what names the container among all of the machine
    ContainerPtr container;     // null for a unit
    std::uint64_t total_uj = 0; // packages and dram, since the agent first saw the group
    std::optional<std::uint64_t> power_uw;
};

struct Snapshot {
    std::string epoch;                                // of this agent's run, random
    std::uint64_t sequence = 0;                       // of ticks that measured something, from 1
    std::chrono::nanoseconds time{0};                 // monotonic, since the epoch began
    std::chrono::system_clock::time_point wall{};     // for people and timestamps only
    std::chrono::nanoseconds interval{0};             // configured
    std::optional<std::chrono::nanoseconds> measured; // between the last two samples; the time base
    bool estimated = false;

    bool source_up = false; // energy arrives; if not, power is absent and this says why:
    std::string source_problem;
    std::string source_epoch;          // whose measurement this is: a guest repeats the host's
    std::uint64_t source_sequence = 0; // words, so that both views can be laid side by side

    std::vector<ZoneAccount> zones;
    std::vector<RepeatedCounter> repeated;  // counters that show again what zones have
    std::vector<ConsumerAccount> consumers; // listed ones only, in a stable order
    std::vector<GroupAccount> units;        // by name; empty where not asked for
    std::vector<GroupAccount> containers;
    std::uint64_t conservation_error_uj = 0; // always 0; exported so that anybody can watch it

    std::uint64_t ticks = 0;         // timer ticks taken, with or without a new measurement
    std::uint64_t ticks_skipped = 0; // late ticks that were left out
    std::uint64_t suspends = 0;      // how often the machine slept while the agent ran

    Policy policy = Policy::active;
    std::string_view time_source; // "clock" or "bpf": where CPU times come from
    bool sees_ends = false;       // it knows the last instants of what ended
    std::uint64_t lost_ends = 0;  // ended processes that it had to leave out

    // Sums over the zones that lie side by side.
    [[nodiscard]] std::uint64_t energy_uj() const;
    [[nodiscard]] std::optional<std::uint64_t> power_uw() const;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

} // namespace wattvisor
