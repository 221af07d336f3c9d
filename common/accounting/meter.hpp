// SPDX-License-Identifier: Apache-2.0
// One tick: takes a reading of the energy source and one of the consumers, charges the energy in
// between to whom it belongs, and makes the snapshot. Time is a parameter. Owned and called by one
// thread; the snapshots that it hands out may be read by any.
#pragma once

#include "common/accounting/group_energy.hpp"
#include "common/accounting/ledger.hpp"
#include "common/accounting/policy.hpp"
#include "common/accounting/snapshot.hpp"
#include "common/accounting/tick_use.hpp"
#include "common/accounting/zone_counter.hpp"
#include "common/accounting/zone_floor.hpp"
#include "common/base/error.hpp"
#include "common/energy/energy_source.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>

namespace wattvisor {

struct MeterOptions {
    std::string epoch;                      // names this run; see make_epoch()
    std::chrono::nanoseconds interval{0};   // as configured
    std::chrono::nanoseconds keep_ended{0}; // how long consumers that ended keep their account
    PolicySettings policy{};
};

// When a tick takes place, on both clocks of this machine.
struct TickTime {
    std::chrono::nanoseconds monotonic{0};
    std::chrono::system_clock::time_point wall{};
    std::uint64_t ticks = 0;
    std::uint64_t ticks_skipped = 0;
    std::chrono::nanoseconds boottime{0}; // as monotonic, but goes on while the machine sleeps
};

class Meter {
public:
    Meter(MeterOptions options, Ledger ledger);

    // One tick over both sources. Without a new measurement nothing is charged and the snapshot
    // before stays valid; once the source is silent for too long, power is absent from it.
    [[nodiscard]] SnapshotPtr tick(const TickTime& time, EnergySource& energy,
                                   ConsumerSource& consumers);

    [[nodiscard]] const Ledger& ledger() const { return ledger_; }
    // See Ledger::learn(). Between ticks.
    Learned learn(const ConsumerPtr& consumer, const CarriedEnergy& copy) {
        return ledger_.learn(consumer, copy);
    }

private:
    [[nodiscard]] SnapshotPtr measure(const TickTime& time, const EnergySample& sample,
                                      const UsageSample& usage);
    [[nodiscard]] SnapshotPtr hold(const TickTime& time, std::string problem);
    [[nodiscard]] bool is_new(const EnergySample& sample) const;
    void follow_clocks(const TickTime& time);
    void read_counters(const EnergySample& sample);
    void charge_zone(std::size_t zone, std::vector<std::uint64_t>& charged_uj);
    [[nodiscard]] std::vector<EnergyPart> divide_zone(std::size_t zone) const;
    [[nodiscard]] std::uint64_t floor_uj(std::size_t zone) const;
    void learn_floors();
    void settle_components(const UsageSample& usage, const std::vector<std::uint64_t>& charged_uj);
    void close_ended(const TickTime& time);
    [[nodiscard]] std::shared_ptr<Snapshot> new_snapshot(const TickTime& time) const;
    void fill_zones(Snapshot& snapshot) const;
    void fill_consumers(Snapshot& snapshot, const UsageSample& usage,
                        const std::vector<std::uint64_t>& charged_uj) const;
    void fill_groups(Snapshot& snapshot) const;
    [[nodiscard]] std::optional<std::chrono::nanoseconds>
    measured_interval(const EnergySample& sample) const;
    [[nodiscard]] std::chrono::nanoseconds patience() const;

    MeterOptions options_;
    Ledger ledger_;
    std::vector<ZoneCounter> counters_; // per zone of the ledger
    std::vector<FloorWatch> floors_;    // likewise
    TickUse use_;
    GroupEnergy groups_;
    std::optional<std::chrono::nanoseconds> began_;
    std::optional<std::chrono::nanoseconds> fresh_at_; // when the last new sample came
    std::string sample_epoch_;
    std::uint64_t sample_sequence_ = 0;
    std::chrono::nanoseconds sample_time_{0};
    std::chrono::nanoseconds source_interval_{0};
    std::optional<std::chrono::nanoseconds> measured_;
    // Adds up the time between measurements, sleep included: what counters are judged by.
    std::chrono::nanoseconds counter_clock_{0};
    std::optional<TickTime> last_tick_;
    std::chrono::nanoseconds slept_{0}; // since the last measurement
    std::uint64_t suspends_ = 0;
    std::uint64_t sequence_ = 0;
    bool estimated_ = false;
    SnapshotPtr last_;
};

// A random name for a run, 16 hexadecimal digits.
[[nodiscard]] std::string make_epoch();

} // namespace wattvisor
