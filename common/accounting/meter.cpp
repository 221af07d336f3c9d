// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/meter.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

namespace wattvisor {

namespace {

using std::chrono::nanoseconds;

std::uint64_t power_uw(std::uint64_t energy_uj, nanoseconds time) {
    const double seconds = std::chrono::duration<double>(time).count();
    return static_cast<std::uint64_t>(std::llround(static_cast<double>(energy_uj) / seconds));
}

// A difference between the two clocks that is no mere delay between reading them.
constexpr auto kShortestSleep = std::chrono::seconds(1);
// Where the time between two measurements is not known, a counter may have gone on for long.
constexpr auto kUnknownTime = std::chrono::hours(24);

void note_step(const CounterDelta& delta, std::uint64_t value_uj, ZoneTotals& totals) {
    totals.wraps += delta.step == CounterStep::wrapped ? 1 : 0;
    totals.resets += delta.step == CounterStep::reset ? 1 : 0;
    totals.jumps += delta.step == CounterStep::jumped ? 1 : 0;
    if (delta.step == CounterStep::first && totals.counter_uj) {
        // The ledger remembers where the counter stood when the agent before this one ended.
        totals.unmetered_uj +=
            counter_delta(totals.counter_uj, value_uj, totals.zone.max_energy_range_uj,
                          most_energy_uj(kUnknownTime))
                .energy_uj;
    }
    totals.counter_uj = value_uj;
}

} // namespace

std::string make_epoch() {
    std::random_device random;
    return fmt::format("{:08x}{:08x}", random(), random());
}

Meter::Meter(MeterOptions options, Ledger ledger)
    : options_(std::move(options)), ledger_(std::move(ledger)), counters_(ledger_.zones().size()),
      floors_(ledger_.zones().size()) {}

SnapshotPtr Meter::tick(const TickTime& time, EnergySource& energy, ConsumerSource& consumers) {
    if (!began_) {
        began_ = time.monotonic;
    }
    follow_clocks(time);
    const auto sample = energy.read(time.monotonic);
    if (!sample) {
        return hold(time, sample.error().message());
    }
    if (!is_new(*sample)) {
        return hold(time, {});
    }
    const UsageSample usage = consumers.collect();
    return measure(time, *sample, usage);
}

bool Meter::is_new(const EnergySample& sample) const {
    return sample.epoch != sample_epoch_ || sample.sequence != sample_sequence_;
}

// How long the source may be silent before its last word is no longer true.
nanoseconds Meter::patience() const {
    return std::max(
        {3 * options_.interval, 3 * source_interval_, nanoseconds(std::chrono::seconds(3))});
}

SnapshotPtr Meter::hold(const TickTime& time, std::string problem) {
    const bool is_late = !fresh_at_ || time.monotonic - *fresh_at_ > patience();
    if (problem.empty() && is_late) {
        problem = "the energy counters stand still: is the host agent running?";
    }
    if (last_ && last_->source_up && !is_late) {
        return last_;
    }
    if (problem.empty()) {
        problem = last_->source_problem;
    }
    auto snapshot = last_ ? std::make_shared<Snapshot>(*last_) : new_snapshot(time);
    snapshot->ticks = time.ticks;
    snapshot->ticks_skipped = time.ticks_skipped;
    snapshot->source_up = false;
    snapshot->source_problem = std::move(problem);
    snapshot->measured.reset();
    for (ZoneAccount& zone : snapshot->zones) {
        zone.power_uw.reset();
    }
    for (ConsumerAccount& consumer : snapshot->consumers) {
        consumer.power_uw.reset();
        consumer.cpu_usage.reset();
    }
    for (auto* groups : {&snapshot->units, &snapshot->containers}) {
        for (GroupAccount& group : *groups) {
            group.power_uw.reset();
        }
    }
    last_ = snapshot;
    return last_;
}

std::optional<nanoseconds> Meter::measured_interval(const EnergySample& sample) const {
    if (sample.epoch != sample_epoch_ || sample.time <= sample_time_) {
        return std::nullopt;
    }
    return sample.time - sample_time_;
}

// A machine that was suspended: the monotonic clock stood still meanwhile, the other did not.
void Meter::follow_clocks(const TickTime& time) {
    if (last_tick_) {
        const nanoseconds gap =
            (time.boottime - last_tick_->boottime) - (time.monotonic - last_tick_->monotonic);
        if (gap >= kShortestSleep) {
            slept_ += gap;
            ++suspends_;
        }
    }
    last_tick_ = time;
}

void Meter::read_counters(const EnergySample& sample) {
    for (ZoneCounter& counter : counters_) {
        counter.expect();
    }
    counter_clock_ += measured_.value_or(kUnknownTime) + slept_;
    for (std::size_t i = 0; i < sample.zones->size(); ++i) {
        const Zone& zone = (*sample.zones)[i];
        const std::size_t index = ledger_.zone_index(zone);
        if (index >= counters_.size()) {
            counters_.resize(index + 1);
            floors_.resize(index + 1);
        }
        const auto& value = sample.counters_uj[i];
        const CounterDelta delta =
            counters_[index].read({value, zone.max_energy_range_uj, counter_clock_,
                                   slept_.count() > 0, sample.moves_always});
        if (value) {
            note_step(delta, *value, ledger_.notes(index));
        }
    }
}

void Meter::learn_floors() {
    for (std::size_t zone = 0; zone < counters_.size(); ++zone) {
        if (!measured_ || !counters_[zone].is_measured()) {
            floors_[zone].interrupt();
            continue;
        }
        if (const auto power = floors_[zone].add(counters_[zone].delta_uj(), *measured_)) {
            auto& floor_uw = ledger_.notes(zone).floor_uw;
            floor_uw = std::min(*power, floor_uw.value_or(*power));
        }
    }
}

// What the zone would have used had nothing run.
std::uint64_t Meter::floor_uj(std::size_t zone) const {
    const ZoneTotals& totals = ledger_.zones()[zone];
    const auto& given = options_.policy.floor_uw;
    const std::uint64_t floor_uw =
        given ? (*given)[static_cast<std::size_t>(totals.zone.kind)] : totals.floor_uw.value_or(0);
    return energy_of(floor_uw, counters_[zone].span());
}

std::vector<EnergyPart> Meter::divide_zone(std::size_t zone) const {
    const Zone& what = ledger_.zones()[zone].zone;
    const TickUse::Column& use = use_.of_zone(what);
    const std::uint64_t energy_uj = counters_[zone].delta_uj();
    if (what.kind == ZoneKind::dram && options_.policy.dram_by == DramBy::memory &&
        use.is_memory_known) {
        return {EnergyPart{energy_uj, &use.resident, use.other_resident, 0}};
    }
    const std::uint64_t floor = options_.policy.policy == Policy::static_floor ? floor_uj(zone) : 0;
    return divide(options_.policy.policy, energy_uj, floor,
                  {use.used_ns, use.other_ns, use.capacity_ns, use_.vcpus()});
}

void Meter::charge_zone(std::size_t zone, std::vector<std::uint64_t>& charged_uj) {
    const bool counts = counts_in_total(ledger_.zones()[zone].zone.kind);
    std::vector<AccountUse> uses;
    uses.reserve(use_.accounts().size());
    for (const EnergyPart& part : divide_zone(zone)) {
        uses.clear();
        for (std::size_t i = 0; i < use_.accounts().size(); ++i) {
            uses.push_back({use_.accounts()[i], (*part.weights)[i]});
        }
        const auto shares = ledger_.charge(zone, part.energy_uj, uses, part.other, part.idle);
        if (counts) {
            std::transform(shares.begin(), shares.end(), charged_uj.begin(), charged_uj.begin(),
                           std::plus<>());
        }
    }
}

void Meter::settle_components(const UsageSample& usage,
                              const std::vector<std::uint64_t>& charged_uj) {
    for (std::size_t i = 0; i < usage.consumers.size(); ++i) {
        auto& components = use_.accounts()[i]->components;
        const auto& times = usage.consumers[i].components;
        if (!components && times) {
            components.emplace();
        }
        if (components) {
            components->add(charged_uj[i]);
        }
        if (times) {
            components->settle(*times);
        }
    }
}

void Meter::close_ended(const TickTime& time) {
    std::vector<AccountUse> listed;
    listed.reserve(use_.accounts().size());
    for (Account* account : use_.accounts()) {
        listed.push_back({account, 0});
    }
    ledger_.close_unlisted(
        listed, time.wall,
        time.wall -
            std::chrono::duration_cast<std::chrono::system_clock::duration>(options_.keep_ended));
}

SnapshotPtr Meter::measure(const TickTime& time, const EnergySample& sample,
                           const UsageSample& usage) {
    measured_ = measured_interval(sample);
    read_counters(sample);
    use_.take(usage, measured_, ledger_);
    learn_floors();
    std::vector<std::uint64_t> charged_uj(use_.accounts().size());
    for (std::size_t zone = 0; zone < counters_.size(); ++zone) {
        charge_zone(zone, charged_uj);
    }
    settle_components(usage, charged_uj);
    groups_.take(usage, charged_uj, time.monotonic);
    close_ended(time);
    sample_epoch_ = sample.epoch;
    sample_sequence_ = sample.sequence;
    sample_time_ = sample.time;
    source_interval_ = sample.source_interval;
    estimated_ = sample.estimated;
    fresh_at_ = time.monotonic;
    slept_ = nanoseconds(0);
    ++sequence_;

    auto snapshot = new_snapshot(time);
    snapshot->source_up = true;
    snapshot->policy = options_.policy.policy;
    snapshot->time_source = usage.time_source;
    snapshot->sees_ends = usage.sees_ends;
    snapshot->lost_ends = usage.lost_ends;
    snapshot->repeated = sample.repeated;
    fill_zones(*snapshot);
    fill_consumers(*snapshot, usage, charged_uj);
    fill_groups(*snapshot);
    snapshot->conservation_error_uj = ledger_.conservation_error_uj();
    if (snapshot->conservation_error_uj != 0) {
        spdlog::critical("the ledger is off by {} microjoules: this is a bug, please report it",
                         snapshot->conservation_error_uj);
    }
    last_ = snapshot;
    return last_;
}

std::shared_ptr<Snapshot> Meter::new_snapshot(const TickTime& time) const {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->epoch = options_.epoch;
    snapshot->sequence = sequence_;
    snapshot->time = time.monotonic - *began_;
    snapshot->wall = time.wall;
    snapshot->interval = options_.interval;
    snapshot->measured = measured_;
    snapshot->estimated = estimated_;
    snapshot->source_epoch = sample_epoch_;
    snapshot->source_sequence = sample_sequence_;
    snapshot->ticks = time.ticks;
    snapshot->ticks_skipped = time.ticks_skipped;
    snapshot->suspends = suspends_;
    return snapshot;
}

void Meter::fill_zones(Snapshot& snapshot) const {
    snapshot.zones.reserve(counters_.size());
    for (std::size_t i = 0; i < counters_.size(); ++i) {
        const ZoneTotals& totals = ledger_.zones()[i];
        const ZoneCounter& counter = counters_[i];
        ZoneAccount account;
        account.zone = totals.zone;
        account.listed = counter.is_listed() && !counter.is_dead();
        account.readable = counter.problem().empty() && counter.last_uj();
        account.problem = counter.problem();
        account.counter_uj = counter.last_uj().value_or(0);
        account.total_uj = totals.total_uj;
        account.ended_uj = ledger_.ended_uj(i);
        account.other_uj = totals.other_uj;
        account.idle_uj = totals.idle_uj;
        account.unmetered_uj = totals.unmetered_uj;
        account.wraps = totals.wraps;
        account.resets = totals.resets;
        account.jumps = totals.jumps;
        if (options_.policy.policy == Policy::static_floor) {
            account.floor_uw =
                options_.policy.floor_uw
                    ? (*options_.policy.floor_uw)[static_cast<std::size_t>(totals.zone.kind)]
                    : totals.floor_uw;
        }
        if (measured_ && counter.is_measured()) {
            account.power_uw = power_uw(counter.delta_uj(), *measured_);
        }
        snapshot.zones.push_back(std::move(account));
    }
}

void Meter::fill_groups(Snapshot& snapshot) const {
    const auto measured = snapshot.power_uw() ? measured_ : std::nullopt;
    snapshot.units = groups_.units(measured);
    snapshot.containers = groups_.containers(measured);
}

void Meter::fill_consumers(Snapshot& snapshot, const UsageSample& usage,
                           const std::vector<std::uint64_t>& charged_uj) const {
    // A consumer's power is known when the power of every zone it adds up is.
    const bool is_known = snapshot.power_uw().has_value();
    const std::vector<Account*>& accounts = use_.accounts();
    snapshot.consumers.reserve(accounts.size());
    for (std::size_t i = 0; i < accounts.size(); ++i) {
        const Account& account = *accounts[i];
        ConsumerAccount consumer;
        consumer.consumer = account.consumer;
        consumer.total_uj = account.total_uj;
        consumer.cpu_time = total_of(account.cpu_time);
        consumer.components = account.components;
        consumer.carried = account.carried.before();
        consumer.resources = usage.consumers[i].resources;
        if (is_known) {
            consumer.power_uw = power_uw(charged_uj[i], *measured_);
            consumer.cpu_usage = static_cast<double>(use_.whole().used_ns[i]) /
                                 static_cast<double>(measured_->count());
        }
        snapshot.consumers.push_back(std::move(consumer));
    }
}

} // namespace wattvisor
