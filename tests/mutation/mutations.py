# SPDX-License-Identifier: Apache-2.0
"""The list: in a file, a text that is there exactly once, and what a slip of the pen would make of it."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    file: str
    original: str
    mutated: str


def _in(file: str, *changes: tuple[str, str]) -> list[Mutation]:
    return [Mutation(file, original, mutated) for original, mutated in changes]


MUTATIONS = [
    *_in(
        "common/accounting/attribution.cpp",
        ("product % total_weight", "product / total_weight"),
        ("claim.carry + fraction", "claim.carry - fraction"),
        ("claim.carry + fraction", "fraction"),
        ("a.owed > b.owed :", "a.owed < b.owed :"),
        ("a.claim->id < b.claim->id", "a.claim < b.claim"),
        ("remainder.owed -= kOne;", "remainder.owed += kOne;"),
        ("remainder.owed += kOne;", ""),
        ("if (given == energy_uj) {", "if (given <= energy_uj) {"),
        ("Wide total_weight = 0;", "std::uint64_t total_weight = 0;"),
        ("if (claim.weight_ns > 0) {", "if (claim.weight_ns >= 0) {"),
        ("remainder.claim->carry = remainder.owed;", "remainder.claim->carry = 0;"),
        ("if (total_weight == 0) {", "if (total_weight == 0 || energy_uj == 0) {"),
    ),
    *_in(
        "common/accounting/ledger.cpp",
        ("totals.total_uj += energy_uj;", "totals.total_uj += energy_uj - energy_uj / 1000000;"),
        ("use.account->carry[zone], 0});", "0, 0});"),
        ("residual_ == Residual::idle ?", "residual_ != Residual::idle ?"),
        ("totals.idle_uj += idle_claim.energy_uj;", "totals.other_uj += idle_claim.energy_uj;"),
        ("totals.idle_carry = idle_claim.carry;", ""),
        ("totals.other_carry = other_claim.carry;", ""),
        ("uses[i].account->total_uj[zone] += claims[i].energy_uj;", "uses[i].account->total_uj[zone] = claims[i].energy_uj;"),
        ("uses[i].account->carry[zone] = claims[i].carry;", ""),
        ("resting_uj_[zone] += account.total_uj[zone];", "resting_uj_[zone] = account.total_uj[zone];"),
        ("zones_[zone].folded_uj += account.total_uj[zone];", ""),
        ("zones_[zone].other_carry += account.carry[zone];", ""),
        ("resting_.begin()->first <= keep_since", "resting_.begin()->first < keep_since"),
        ("parts > totals.total_uj ? parts - totals.total_uj : totals.total_uj - parts",
         "parts > totals.total_uj ? parts - totals.total_uj : 0"),
        ("a.consumer->key < b.consumer->key", "false && a.consumer->key < b.consumer->key"),
    ),
    *_in(
        "common/accounting/policy.cpp",
        ("use.capacity_ns > busy ? use.capacity_ns - busy : 0", "use.capacity_ns - busy"),
        ("use.used_ns.end(), use.other_ns);", "use.used_ns.end(), std::uint64_t{0});"),
        ("std::min(floor_uj, energy_uj)", "std::max(floor_uj, energy_uj)"),
        ("by_activity.energy_uj -= floor;", ""),
        ("EnergyPart{floor, &use.vcpus, 0, 0}", "EnergyPart{floor, &use.used_ns, 0, 0}"),
        ("kNanosPerSecond = 1'000'000'000", "kNanosPerSecond = 1'000'000"),
        ("time.count() <= 0", "time.count() == 0"),
    ),
    *_in(
        "common/accounting/tick_use.cpp",
        ("account.listed ? at(account.cpu_time, socket) : nanoseconds(0)", "at(account.cpu_time, socket)"),
        ("account.cpu_time = used.cpu_time;", ""),
        ("debt_[socket] += used;", ""),
        ("busy - used - debt_[socket];", "busy - used;"),
        ("busy - used - debt_[socket];", "busy - used + debt_[socket];"),
        ("2 * usage.busy_error", "200 * usage.busy_error"),
        ("column.other_ns = count(other);", "column.other_ns = count(busy);"),
        ("topology_->cpus[socket]", "topology_->cpus[0] * 2"),
        ("all > known ? all - known : 0", "all"),
        ("zone.kind == ZoneKind::psys", "zone.kind == ZoneKind::package"),
        ("return socket ? sockets_[*socket] : whole();", "return socket ? sockets_[0] : whole();"),
        ("last_busy_.reset();", ""),
        ("whole_.other_ns += column.other_ns;", "whole_.other_ns = column.other_ns;"),
        ("usage.consumers[a].consumer->key < usage.consumers[b].consumer->key", "a < b"),
        ("debt_[socket] = nanoseconds(0);", ""),
    ),
    *_in(
        "common/accounting/zone_counter.cpp",
        ("kStillReadings = 10", "kStillReadings = 9"),
        ("kStillTime = std::chrono::seconds(10)", "kStillTime = std::chrono::seconds(11)"),
        ("reading.time - moved_at_ >= kStillTime", "reading.time - moved_at_ > kStillTime"),
        ("was_read_ = last_uj_ && problem_.empty();", "was_read_ = last_uj_.has_value();"),
        ("reading.has_slept) {", "false) {"),
        ("was_read_ && !reading.has_slept && !is_frozen_", "was_read_ && !is_frozen_"),
        ("last_uj_ ? most_energy_uj(span_) : kNoEnergyLimit", "kNoEnergyLimit"),
        ("last_uj_ = value;", "last_uj_ = reading.has_slept ? last_uj_ : value;"),
        ("delta_uj_ = 0;", ""),
        ("still_readings_ = 0;", ""),
        ("moved_at_ = reading.time;", ""),
    ),
    *_in("common/accounting/zone_counter.hpp", ("last_uj_ == std::uint64_t{0}", "last_uj_ <= std::uint64_t{1000}")),
    *_in(
        "common/accounting/zone_floor.cpp",
        ("time_ < kWindow", "time_ <= kWindow"),
        ("energy_uj_ * 1'000 /", "energy_uj_ * 1'001 /"),
        ("energy_uj_ += energy_uj;", "energy_uj_ = energy_uj;"),
        ("energy_uj_ = 0;", ""),
    ),
    *_in(
        "common/accounting/component_energy.cpp",
        ("now[i] >= last_[i] ? now[i] - last_[i] : now[i]", "now[i] - last_[i]"),
        ("carry_[i] = claims[i].carry;", ""),
        ("waiting_uj_ = 0;", ""),
        ("last_[i] = now[i];", ""),
        ("cpu_time_[i] += used;", "cpu_time_[i] = now[i];"),
    ),
    *_in(
        "common/accounting/meter.cpp",
        ("static_cast<double>(energy_uj) / seconds", "static_cast<double>(energy_uj) * seconds"),
        ("delta.step == CounterStep::wrapped ? 1 : 0", "delta.step == CounterStep::reset ? 1 : 0"),
        ("delta.step == CounterStep::jumped ? 1 : 0", "0"),
        ("totals.counter_uj = value_uj;", ""),
        ("totals.unmetered_uj +=", "totals.unmetered_uj ="),
        ("sample.time <= sample_time_", "sample.time < sample_time_"),
        ("gap >= kShortestSleep", "gap > 2 * kShortestSleep"),
        ("slept_ += gap;", ""),
        ("measured_.value_or(kUnknownTime) + slept_", "measured_.value_or(kUnknownTime)"),
        ("std::min(*power, floor_uw.value_or(*power))", "std::max(*power, floor_uw.value_or(*power))"),
        ("counters_[zone].span());", "measured_.value_or(counters_[zone].span()));"),
        ("options_.policy.dram_by == DramBy::memory", "options_.policy.dram_by != DramBy::memory"),
        ("part.other, part.idle)", "part.other)"),
        ("if (counts) {", "if (true) {"),
        ("components->add(charged_uj[i]);", ""),
        ("slept_ = nanoseconds(0);", ""),
        ("measured_ && counter.is_measured()", "measured_"),
        ("time.monotonic - *fresh_at_ > patience()", "time.monotonic - *fresh_at_ >= patience()"),
    ),
    *_in(
        "common/energy/counter.cpp",
        ("if (!previous_uj) {", "if (!previous_uj.has_value() && max_range_uj == 0) {"),
        ("current_uj >= *previous_uj", "current_uj > *previous_uj"),
        ("step > most_uj ?", "step >= most_uj ?"),
        ("*previous_uj > max_range_uj", "*previous_uj >= max_range_uj"),
        ("max_range_uj / 2", "max_range_uj / 3"),
        ("std::min(max_range_uj / 2, most_uj)", "max_range_uj / 2"),
        ("current_uj >= most - to_edge", "current_uj > most - to_edge"),
        ("to_edge + 1 + current_uj", "to_edge + current_uj"),
        ("kMostWatts = 10'000", "kMostWatts = 1'000"),
        ("+ kSlack", ""),
    ),
    *_in(
        "common/usage/busy_time.cpp",
        ("time_ = std::max(time_, base_time_ + passed - away);", "time_ = base_time_ + passed - away;"),
        ("away <= most + kSlackTicks", "true"),
        ("last_.busy = std::max(last_.busy, ticks.busy);", "last_.busy = ticks.busy;"),
        ("base_time_ = time_;", ""),
        ("if (cpus != cpus_) {", "if (false) {"),
    ),
    *_in(
        "common/usage/hidden_time.cpp",
        ("not_idle - sum - error", "not_idle - sum"),
        ("hidden_ = std::max(hidden_, ", "hidden_ = std::max(std::chrono::nanoseconds(0), "),
    ),
]
