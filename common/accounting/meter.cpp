// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/meter.hpp"

#include "common/energy/counter.hpp"
#include "common/usage/busy_time.hpp"

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

std::uint64_t count(nanoseconds time) {
    return time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0;
}

} // namespace

std::string make_epoch() {
    std::random_device random;
    return fmt::format("{:08x}{:08x}", random(), random());
}

Meter::Meter(MeterOptions options, Ledger ledger)
    : options_(std::move(options)), ledger_(std::move(ledger)), counters_(ledger_.zones().size()) {}

SnapshotPtr Meter::tick(const TickTime& time, EnergySource& energy, ConsumerSource& consumers) {
    if (!began_) {
        began_ = time.monotonic;
    }
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
    last_ = snapshot;
    return last_;
}

std::optional<nanoseconds> Meter::measured_interval(const EnergySample& sample) const {
    if (sample.epoch != sample_epoch_ || sample.time <= sample_time_) {
        return std::nullopt;
    }
    return sample.time - sample_time_;
}

void Meter::read_counters(const EnergySample& sample) {
    for (CounterState& counter : counters_) {
        counter.was_read = counter.last_uj && counter.problem.empty();
        counter.problem = "no longer there";
        counter.is_listed = false;
        counter.delta_uj = 0;
        counter.is_measured = false;
    }
    for (std::size_t i = 0; i < sample.zones->size(); ++i) {
        const Zone& zone = (*sample.zones)[i];
        const std::size_t index = ledger_.zone_index(zone);
        counters_.resize(std::max(counters_.size(), index + 1));
        CounterState& counter = counters_[index];
        counter.is_listed = true;
        const auto& reading = sample.counters_uj[i];
        if (!reading) {
            // The last value is kept: the energy of the gap is charged when it can be read again.
            counter.problem = reading.error().message();
            continue;
        }
        const CounterDelta delta =
            counter_delta(counter.last_uj, *reading, zone.max_energy_range_uj);
        counter.wraps += delta.step == CounterStep::wrapped ? 1 : 0;
        counter.resets += delta.step == CounterStep::reset ? 1 : 0;
        counter.delta_uj = delta.energy_uj;
        // After a gap the delta is of a longer time than the one that was measured.
        counter.is_measured = counter.was_read && delta.step != CounterStep::reset;
        counter.last_uj = *reading;
        counter.problem.clear();
    }
}

std::vector<AccountUse> Meter::read_usage(const UsageSample& usage) {
    std::vector<AccountUse> uses;
    uses.reserve(usage.consumers.size());
    for (const ConsumerUsage& used : usage.consumers) {
        Account& account = ledger_.open(used.consumer);
        // A consumer that was not listed is counted from 0 by its source, also when it came back.
        const nanoseconds before = account.listed ? account.cpu_time : nanoseconds(0);
        uses.push_back({&account, count(used.cpu_time - before)});
        account.cpu_time = used.cpu_time;
    }
    return uses;
}

// What was busy and is no consumer. /proc/stat is coarser than the consumers' clocks, so it can lag
// behind their sum; the lag is remembered and taken from what it shows later.
std::uint64_t Meter::other_time(const UsageSample& usage, const std::vector<AccountUse>& uses) {
    nanoseconds used{0};
    for (const AccountUse& use : uses) {
        used += nanoseconds(use.cpu_ns);
    }
    if (!usage.busy_time) {
        busy_debt_ += used; // the next reading shows this time too
        return 0;
    }
    const nanoseconds busy = last_busy_ ? *usage.busy_time - *last_busy_ : nanoseconds(0);
    last_busy_ = *usage.busy_time;
    const nanoseconds other = busy - used - busy_debt_;
    busy_debt_ = std::clamp(-other, nanoseconds(0), 2 * kBusyTimeError);
    return count(other);
}

SnapshotPtr Meter::measure(const TickTime& time, const EnergySample& sample,
                           const UsageSample& usage) {
    measured_ = measured_interval(sample);
    read_counters(sample);
    const std::vector<AccountUse> uses = read_usage(usage);
    const std::uint64_t other_ns = other_time(usage, uses);
    std::vector<std::uint64_t> charged_uj(uses.size());
    for (std::size_t zone = 0; zone < counters_.size(); ++zone) {
        const auto parts = ledger_.charge(zone, counters_[zone].delta_uj, uses, other_ns);
        if (counts_in_total(ledger_.zones()[zone].zone.kind)) {
            std::transform(parts.begin(), parts.end(), charged_uj.begin(), charged_uj.begin(),
                           std::plus<>());
        }
    }
    ledger_.close_unlisted(
        uses, time.wall,
        time.wall -
            std::chrono::duration_cast<std::chrono::system_clock::duration>(options_.keep_ended));
    sample_epoch_ = sample.epoch;
    sample_sequence_ = sample.sequence;
    sample_time_ = sample.time;
    source_interval_ = sample.source_interval;
    estimated_ = sample.estimated;
    fresh_at_ = time.monotonic;
    ++sequence_;

    auto snapshot = new_snapshot(time);
    snapshot->source_up = true;
    fill_zones(*snapshot);
    fill_consumers(*snapshot, uses, charged_uj);
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
    return snapshot;
}

void Meter::fill_zones(Snapshot& snapshot) const {
    for (std::size_t i = 0; i < counters_.size(); ++i) {
        const ZoneTotals& totals = ledger_.zones()[i];
        const CounterState& counter = counters_[i];
        ZoneAccount account;
        account.zone = totals.zone;
        account.listed = counter.is_listed;
        account.readable = counter.problem.empty() && counter.last_uj;
        account.problem = counter.problem;
        account.counter_uj = counter.last_uj.value_or(0);
        account.total_uj = totals.total_uj;
        account.ended_uj = ledger_.ended_uj(i);
        account.other_uj = totals.other_uj;
        account.idle_uj = totals.idle_uj;
        account.wraps = counter.wraps;
        account.resets = counter.resets;
        if (measured_ && counter.is_measured) {
            account.power_uw = power_uw(counter.delta_uj, *measured_);
        }
        snapshot.zones.push_back(std::move(account));
    }
}

void Meter::fill_consumers(Snapshot& snapshot, const std::vector<AccountUse>& uses,
                           const std::vector<std::uint64_t>& charged_uj) const {
    // A consumer's power is known when the power of every zone it adds up is.
    const bool is_known = snapshot.power_uw().has_value();
    snapshot.consumers.reserve(uses.size());
    for (std::size_t i = 0; i < uses.size(); ++i) {
        const Account& account = *uses[i].account;
        ConsumerAccount consumer;
        consumer.consumer = account.consumer;
        consumer.total_uj = account.total_uj;
        consumer.cpu_time = account.cpu_time;
        if (is_known) {
            consumer.power_uw = power_uw(charged_uj[i], *measured_);
            consumer.cpu_usage =
                static_cast<double>(uses[i].cpu_ns) / static_cast<double>(measured_->count());
        }
        snapshot.consumers.push_back(std::move(consumer));
    }
}

} // namespace wattvisor
