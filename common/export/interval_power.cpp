// SPDX-License-Identifier: Apache-2.0
#include "common/export/interval_power.hpp"

#include <utility>

namespace wattvisor {

namespace {

using std::chrono::nanoseconds;

// 128 bits: a year of a kilowatt in microjoules times 10^9 does not fit into 64.
__extension__ using Wide = unsigned __int128;

std::uint64_t mean_uw(std::uint64_t energy_uj, nanoseconds time) {
    const auto ns = static_cast<Wide>(time.count());
    return static_cast<std::uint64_t>((static_cast<Wide>(energy_uj) * 1'000'000'000U + ns / 2) /
                                      ns);
}

std::optional<std::uint64_t> growth(const std::optional<std::uint64_t>& now,
                                    const std::optional<std::uint64_t>& before) {
    if (!now || !before || *now < *before) {
        return std::nullopt;
    }
    return *now - *before;
}

// What it read and wrote since `before`, which is null for a process that was not there yet.
std::shared_ptr<const ProcessResources> recent(const std::shared_ptr<const ProcessResources>& now,
                                               const ProcessResources* before) {
    if (now == nullptr) {
        return nullptr;
    }
    auto result = std::make_shared<ProcessResources>(*now);
    result->recent_read_bytes =
        before == nullptr ? now->read_bytes : growth(now->read_bytes, before->read_bytes);
    result->recent_written_bytes =
        before == nullptr ? now->written_bytes : growth(now->written_bytes, before->written_bytes);
    return result;
}

} // namespace

void IntervalPower::add(const SnapshotPtr& snapshot) {
    const bool goes_on = newest_ != nullptr && newest_->source_up && snapshot->source_up &&
                         snapshot->measured.has_value();
    newest_ = snapshot;
    if (!goes_on) {
        begin();
        return;
    }
    time_ += *snapshot->measured;
    is_host_known_ = is_host_known_ && snapshot->power_uw().has_value();
    follow_zones();
    follow_newcomers();
}

void IntervalPower::begin() {
    time_ = nanoseconds(0);
    is_host_known_ = true;
    zones_.clear();
    for (const ZoneAccount& account : newest_->zones) {
        zones_.emplace(account.zone.id, account.total_uj);
    }
    consumers_.clear();
    for (const ConsumerAccount& account : newest_->consumers) {
        consumers_.emplace(account.consumer->key, Seen{account.energy_uj(newest_->zones),
                                                       account.cpu_time, account.resources});
    }
}

void IntervalPower::follow_zones() {
    for (const ZoneAccount& account : newest_->zones) {
        if (!account.power_uw) {
            zones_.erase(account.zone.id);
        }
    }
}

void IntervalPower::follow_newcomers() {
    for (const ConsumerAccount& account : newest_->consumers) {
        // A VM may have a total from before this agent; what is no VM began with nothing.
        if (account.consumer->kind == ConsumerKind::vm) {
            consumers_.try_emplace(account.consumer->key,
                                   Seen{account.energy_uj(newest_->zones), account.cpu_time, {}});
        }
    }
}

SnapshotPtr IntervalPower::take() {
    auto result = std::make_shared<Snapshot>(*newest_);
    if (time_ > nanoseconds(0)) {
        result->measured = time_;
        set_zone_powers(*result);
        const bool is_known = is_host_known_ && result->power_uw().has_value();
        for (ConsumerAccount& account : result->consumers) {
            if (is_known) {
                set_power(account, result->zones);
            } else {
                account.power_uw.reset();
                account.cpu_usage.reset();
            }
        }
    }
    begin();
    return result;
}

void IntervalPower::set_zone_powers(Snapshot& snapshot) const {
    for (ZoneAccount& account : snapshot.zones) {
        const auto before = zones_.find(account.zone.id);
        if (before == zones_.end() || account.total_uj < before->second) {
            account.power_uw.reset();
        } else {
            account.power_uw = mean_uw(account.total_uj - before->second, time_);
        }
    }
}

void IntervalPower::set_power(ConsumerAccount& account,
                              const std::vector<ZoneAccount>& zones) const {
    const auto known = consumers_.find(account.consumer->key);
    const Seen before = known == consumers_.end() ? Seen() : known->second;
    const std::uint64_t energy_uj = account.energy_uj(zones);
    account.power_uw = energy_uj < before.energy_uj
                           ? std::nullopt
                           : std::optional(mean_uw(energy_uj - before.energy_uj, time_));
    account.cpu_usage = static_cast<double>((account.cpu_time - before.cpu_time).count()) /
                        static_cast<double>(time_.count());
    account.resources =
        recent(account.resources, known == consumers_.end() ? nullptr : before.resources.get());
}

} // namespace wattvisor
