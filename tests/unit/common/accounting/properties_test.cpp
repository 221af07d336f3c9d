// SPDX-License-Identifier: Apache-2.0
// What must hold whatever happens, tried on ten thousand random histories. A failure names its
// seed; `WATTVISOR_SEED=4711 accounting_test --gtest_filter='*AccountingProperties*'` runs that one
// alone.
#include "common/accounting/ledger_file.hpp"
#include "tests/unit/common/accounting/random_history.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using test::Dice;
using test::History;
using test::HistoryTick;

// One parameter is so many runs; each is a test of its own, so that they can run side by side.
constexpr int kRuns = 2'500;
constexpr int kParts = 4;

void require(bool holds, const std::string& what) {
    if (!holds) {
        throw std::runtime_error(what);
    }
}

// Plays a history to a meter, over restarts of the agent.
class Player {
public:
    explicit Player(const History& history)
        : history_(history), rig_(history.residual, history.keep, history.policy) {
        rig_.energy.moves_always = history.moves_always;
    }

    SnapshotPtr play(const HistoryTick& tick, const std::vector<ConsumerUsage>& consumers) {
        if (tick.restarts) {
            restart(tick.splits_file);
        }
        rig_.energy.failure = tick.is_held ? "nothing to say" : "";
        rig_.energy.counters = tick.counters;
        rig_.source.next = tick.usage;
        rig_.source.next.consumers = consumers;
        rig_.now.boottime += tick.slept;
        rig_.now.wall +=
            std::chrono::duration_cast<std::chrono::system_clock::duration>(tick.slept);
        last_ = rig_.tick(tick.step);
        return last_;
    }
    [[nodiscard]] const Ledger& ledger() const { return rig_.meter.ledger(); }

private:
    void restart(bool splits_file) {
        const LedgerTextOptions options{"boot", false, splits_file ? "ended" : ""};
        auto record = decode_ledger(encode_ledger(ledger(), *last_, options), "ledger");
        require(record.has_value(), record ? "" : record.error().message());
        if (splits_file) {
            const auto ended =
                decode_ended_accounts(encode_ended_accounts(ledger()), "ended", *record);
            require(ended.has_value(), ended ? "" : ended.error().message());
        }
        const auto sums = check_ledger(*record, "ledger");
        require(sums.has_value(), sums ? "" : sums.error().message());
        Ledger restored(history_.residual);
        restore_ledger(restored, std::move(*record), rig_.now.wall);
        rig_.meter = Meter({"abc", 1s, history_.keep, history_.policy}, std::move(restored));
    }

    const History& history_;
    test::Rig rig_;
    SnapshotPtr last_;
};

// Microjoules by zone id, of each consumer by key, and of the parts that are no consumer.
using PerZone = std::map<std::string, std::uint64_t>;
using Totals = std::map<std::string, PerZone>;

Totals totals_of(const Ledger& ledger) {
    Totals totals;
    for (std::size_t zone = 0; zone < ledger.zones().size(); ++zone) {
        const ZoneTotals& of = ledger.zones()[zone];
        totals["all"][of.zone.id] = of.total_uj;
        totals["other"][of.zone.id] = of.other_uj;
        totals["idle"][of.zone.id] = of.idle_uj;
        totals["forgotten"][of.zone.id] = of.folded_uj;
        totals["unmetered"][of.zone.id] = of.unmetered_uj;
        for (const auto& [id, account] : ledger.accounts()) {
            totals[account.consumer->key][of.zone.id] = account.total_uj[zone];
        }
    }
    return totals;
}

std::uint64_t value_of(const Totals& totals, const std::string& who, const std::string& zone) {
    const auto part = totals.find(who);
    if (part == totals.end()) {
        return 0;
    }
    const auto value = part->second.find(zone);
    return value == part->second.end() ? 0 : value->second;
}

// The CPU time of each consumer in one tick: on one socket, or in all.
class Usage {
public:
    void take(const UsageSample& usage, bool is_first) {
        used_.clear();
        std::map<std::string, SocketTimes> now;
        for (const ConsumerUsage& each : usage.consumers) {
            const std::string& key = each.consumer->key;
            SocketTimes& used = used_[key] = each.cpu_time;
            for (std::size_t socket = 0; !is_first && socket < before_[key].size(); ++socket) {
                used[socket] = std::max(used[socket] - before_[key][socket], 0ns);
            }
            now[key] = each.cpu_time;
        }
        before_ = std::move(now);
    }
    // Whether it ran in a way that a zone of this socket may be charged for.
    [[nodiscard]] bool ran(const std::string& key, std::optional<std::size_t> socket) const {
        const auto used = used_.find(key);
        return used != used_.end() &&
               (socket ? used->second[*socket] : total_of(used->second)) > 0ns;
    }

private:
    std::map<std::string, SocketTimes> before_;
    std::map<std::string, SocketTimes> used_;
};

class Run {
public:
    explicit Run(std::uint64_t seed) : history_(test::make_history(seed)), dice_(seed) {}

    void check() {
        Player player(history_);
        Player shuffled(history_);
        for (tick_ = 0; tick_ < history_.ticks.size(); ++tick_) {
            const HistoryTick& tick = history_.ticks[tick_];
            const auto snapshot = player.play(tick, tick.usage.consumers);
            check_sums(*snapshot);
            check_step(tick, totals_of(player.ledger()));
            auto consumers = tick.usage.consumers;
            std::shuffle(consumers.begin(), consumers.end(), dice_.engine());
            (void)shuffled.play(tick, consumers);
        }
        require(totals_of(shuffled.ledger()) == before_, "the order of consumers matters");
        note_events(player.ledger());
    }
    [[nodiscard]] std::size_t tick() const { return tick_; }
    // What happened in it, by name.
    [[nodiscard]] const PerZone& events() const { return events_; }

private:
    static void check_sums(const Snapshot& snapshot) {
        require(snapshot.conservation_error_uj == 0, "the meter sees an error");
        for (std::size_t i = 0; i < snapshot.zones.size(); ++i) {
            const ZoneAccount& zone = snapshot.zones[i];
            std::uint64_t parts = zone.ended_uj + zone.other_uj + zone.idle_uj;
            for (const ConsumerAccount& each : snapshot.consumers) {
                parts += each.total_uj[i];
            }
            require(parts == zone.total_uj, zone.zone.id + " does not add up");
        }
    }

    void check_step(const HistoryTick& tick, Totals now) {
        if (!tick.is_held) {
            usage_.take(tick.usage, tick.restarts);
        }
        for (std::size_t i = 0; i < history_.zones.size(); ++i) {
            const Zone& zone = history_.zones[i];
            require(value_of(now, "all", zone.id) ==
                        value_of(before_, "all", zone.id) + tick.charged_uj[i],
                    zone.id + " was not charged what it used");
            require(value_of(now, "unmetered", zone.id) ==
                        value_of(before_, "unmetered", zone.id) + tick.unmetered_uj[i],
                    zone.id + " has another unmetered energy");
            check_parts(zone, tick.charged_uj[i], now);
        }
        before_ = std::move(now);
    }

    void check_parts(const Zone& zone, std::uint64_t charged_uj, const Totals& now) const {
        for (const auto& [who, per_zone] : now) {
            if (who == "all" || who == "unmetered") {
                continue;
            }
            const std::uint64_t was = value_of(before_, who, zone.id);
            const std::uint64_t is = value_of(now, who, zone.id);
            require(is >= was, who + " went back in " + zone.id);
            if (who != "forgotten" && charged_uj == 0) {
                require(is == was, who + " was charged from nothing in " + zone.id);
            }
            if (who.starts_with("uuid") && is_by_activity(zone) &&
                !usage_.ran(who, test::socket_of(history_, zone))) {
                require(is == was, who + " did not run and was charged in " + zone.id);
            }
        }
    }

    [[nodiscard]] bool is_by_activity(const Zone& zone) const {
        const PolicySettings& policy = history_.policy;
        return policy.policy != Policy::static_floor &&
               (zone.kind != ZoneKind::dram || policy.dram_by == DramBy::cpu_time);
    }

    void note_events(const Ledger& ledger) {
        for (const ZoneTotals& totals : ledger.zones()) {
            events_["wraps"] += totals.wraps;
            events_["resets"] += totals.resets;
            events_["jumps"] += totals.jumps;
            events_["unmetered energy"] += totals.unmetered_uj > 0 ? 1 : 0;
            events_["forgotten consumers"] += totals.folded_uj > 0 ? 1 : 0;
            events_["idle"] += totals.idle_uj > 0 ? 1 : 0;
        }
    }

    History history_;
    Dice dice_;
    Usage usage_;
    Totals before_;
    PerZone events_;
    std::size_t tick_ = 0;
};

void check_seed(std::uint64_t seed, PerZone& events) {
    Run run(seed);
    try {
        run.check();
        for (const auto& [name, times] : run.events()) {
            events[name] += times;
        }
    } catch (const std::exception& problem) {
        ADD_FAILURE() << problem.what() << ", in tick " << run.tick()
                      << "; again with WATTVISOR_SEED=" << seed;
    }
}

class AccountingProperties : public testing::TestWithParam<int> {};

// Per zone all parts add up and are what the counter counted; nothing goes back, over restarts of
// the agent neither; without energy nobody is charged; who did not run is not charged; and in which
// order consumers are listed changes nothing.
TEST_P(AccountingProperties, HoldInEveryRandomHistory) {
    const auto first = static_cast<std::uint64_t>(GetParam()) * kRuns;
    PerZone events;
    const char* only = std::getenv("WATTVISOR_SEED"); // NOLINT(concurrency-mt-unsafe)
    if (only != nullptr) {
        const std::uint64_t seed = std::stoull(only);
        if (seed < first || seed >= first + kRuns) {
            GTEST_SKIP() << "seed " << seed << " is another part's";
        }
        check_seed(seed, events);
        return;
    }
    for (std::uint64_t seed = first; seed < first + kRuns && !HasFailure(); ++seed) {
        check_seed(seed, events);
    }
    for (const auto& [name, times] : events) {
        EXPECT_GT(times, 100U) << "too few histories have " << name;
    }
}

INSTANTIATE_TEST_SUITE_P(Part, AccountingProperties, testing::Range(0, kParts));

} // namespace
} // namespace wattvisor
