// SPDX-License-Identifier: Apache-2.0
// The mean power over several ticks, for an exporter with a pace of its own: what it pushes every
// 30 s is the power of these 30 s, not of the last second. Takes part in nothing but arithmetic on
// snapshots: no clock, no file. Whole microjoules and nanoseconds; totals stay what they are.
#pragma once

#include "common/accounting/snapshot.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace wattvisor {

class IntervalPower {
public:
    // Every snapshot once, in order. One whose time since the one before is not known (a first
    // one, a source that was down or began anew) begins the interval anew: power is then that of
    // the time since.
    void add(const SnapshotPtr& snapshot);

    // The newest snapshot with powers over all that was added since the last call, and `measured`
    // their time; the next interval begins. A zone's power is known where it was at each tick of
    // the interval, a consumer's where the whole machine's was. A VM that came meanwhile is counted
    // from when it was first seen, a process from its beginning. At least one snapshot was added.
    [[nodiscard]] SnapshotPtr take();

private:
    struct Seen {
        std::uint64_t energy_uj = 0;
        std::chrono::nanoseconds cpu_time{0};
        std::shared_ptr<const ProcessResources> resources;
    };

    void begin();
    void follow_zones();
    void follow_newcomers();
    void set_zone_powers(Snapshot& snapshot) const;
    void set_power(ConsumerAccount& account, const std::vector<ZoneAccount>& zones) const;

    SnapshotPtr newest_;
    std::chrono::nanoseconds time_{0}; // since the interval began
    bool is_host_known_ = true;
    // By zone id: the total when the interval began; a zone that is missing here is not known.
    std::unordered_map<std::string, std::uint64_t> zones_;
    std::unordered_map<std::string, Seen> consumers_; // by key
};

} // namespace wattvisor
