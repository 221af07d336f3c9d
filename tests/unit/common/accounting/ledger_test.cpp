// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/ledger.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using Wall = std::chrono::system_clock::time_point;

constexpr Wall kNoon{std::chrono::hours(24)};

Zone zone(const std::string& id, ZoneKind kind = ZoneKind::package) {
    return {id, kind == ZoneKind::package ? "package-0" : "dram", kind, 0, 1000};
}

ConsumerPtr consumer(const std::string& key, const std::string& name = "vm") {
    auto made = std::make_shared<Consumer>();
    made->kind = ConsumerKind::vm;
    made->key = key;
    made->name = name;
    return made;
}

const Account* find(const Ledger& ledger, const std::string& key) {
    for (const auto& [id, account] : ledger.accounts()) {
        if (account.consumer->key == key) {
            return &account;
        }
    }
    return nullptr;
}

TEST(Ledger, ChargesEachItsPartAndOtherTheRest) {
    Ledger ledger(Residual::idle);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    Account& a = ledger.open(consumer("a"));
    Account& b = ledger.open(consumer("b"));
    const auto charged = ledger.charge(package, 1000, {{&a, 100}, {&b, 300}}, 600);
    EXPECT_EQ(charged, (std::vector<std::uint64_t>{100, 300}));
    EXPECT_EQ(a.total_uj[package], 100U);
    EXPECT_EQ(b.total_uj[package], 300U);
    EXPECT_EQ(ledger.zones()[package].other_uj, 600U);
    EXPECT_EQ(ledger.zones()[package].total_uj, 1000U);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

TEST(Ledger, ChargesWhatNobodyUsedToIdleOnAMachine) {
    Ledger ledger(Residual::idle);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    Account& a = ledger.open(consumer("a"));
    ledger.charge(package, 500, {{&a, 0}}, 0);
    EXPECT_EQ(ledger.zones()[package].idle_uj, 500U);
    EXPECT_EQ(ledger.zones()[package].other_uj, 0U);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

TEST(Ledger, ChargesWhatNobodyUsedToOtherInAVm) {
    Ledger ledger(Residual::other);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    ledger.charge(package, 500, {}, 0);
    EXPECT_EQ(ledger.zones()[package].other_uj, 500U);
    EXPECT_EQ(ledger.zones()[package].idle_uj, 0U);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

TEST(Ledger, KeepsZonesApart) {
    Ledger ledger(Residual::idle);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    const std::size_t dram = ledger.zone_index(zone("intel-rapl:0:0", ZoneKind::dram));
    Account& a = ledger.open(consumer("a"));
    ledger.charge(package, 100, {{&a, 1}}, 0);
    ledger.charge(dram, 7, {{&a, 1}}, 0);
    EXPECT_EQ(a.total_uj, (std::vector<std::uint64_t>{100, 7}));
}

TEST(Ledger, KnowsAZoneByItsIdAndTakesWhatIsNewOfIt) {
    Ledger ledger(Residual::idle);
    Zone package = zone("intel-rapl:0");
    EXPECT_EQ(ledger.zone_index(package), 0U);
    package.max_energy_range_uj = 5000;
    EXPECT_EQ(ledger.zone_index(package), 0U);
    EXPECT_EQ(ledger.zones().size(), 1U);
    EXPECT_EQ(ledger.zones()[0].zone.max_energy_range_uj, 5000U);
}

TEST(Ledger, OpensAZoneThatAppearsLaterForEverybody) {
    Ledger ledger(Residual::idle);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    Account& a = ledger.open(consumer("a"));
    ledger.charge(package, 100, {{&a, 1}}, 0);
    const std::size_t dram = ledger.zone_index(zone("intel-rapl:0:0", ZoneKind::dram));
    Account& b = ledger.open(consumer("b"));
    EXPECT_EQ(a.total_uj, (std::vector<std::uint64_t>{100, 0}));
    ledger.charge(dram, 10, {{&a, 1}, {&b, 1}}, 0);
    EXPECT_EQ(a.total_uj, (std::vector<std::uint64_t>{100, 5}));
    EXPECT_EQ(b.total_uj, (std::vector<std::uint64_t>{0, 5}));
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

TEST(Ledger, KeepsTheAccountOfAKeyWhoeverCarriesIt) {
    Ledger ledger(Residual::idle);
    Account& before = ledger.open(consumer("uuid-1", "old name"));
    Account& after = ledger.open(consumer("uuid-1", "new name"));
    EXPECT_EQ(&before, &after);
    EXPECT_EQ(after.consumer->name, "new name");
}

// A new VM must not inherit the counter of an old one that had its name.
TEST(Ledger, OpensANewAccountForANewKeyWithAnOldName) {
    Ledger ledger(Residual::idle);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    Account& old_vm = ledger.open(consumer("uuid-1", "web"));
    ledger.charge(package, 100, {{&old_vm, 1}}, 0);
    Account& new_vm = ledger.open(consumer("uuid-2", "web"));
    EXPECT_EQ(new_vm.total_uj[package], 0U);
    EXPECT_EQ(old_vm.total_uj[package], 100U);
}

TEST(Ledger, ListsWhatIsInUseAndAddsTheRestToEnded) {
    Ledger ledger(Residual::idle);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    Account& a = ledger.open(consumer("a"));
    Account& b = ledger.open(consumer("b"));
    ledger.charge(package, 100, {{&a, 3}, {&b, 1}}, 0);
    ledger.close_unlisted({{&a, 3}, {&b, 1}}, kNoon, kNoon - 1h);
    EXPECT_EQ(ledger.ended_uj(package), 0U);
    ledger.close_unlisted({{&a, 3}}, kNoon + 1s, kNoon - 1h);
    EXPECT_TRUE(find(ledger, "a")->listed);
    EXPECT_FALSE(find(ledger, "b")->listed);
    EXPECT_EQ(find(ledger, "b")->ended, kNoon + 1s);
    EXPECT_EQ(ledger.ended_uj(package), 25U);
}

TEST(Ledger, KeepsAnEndedAccountWithinItsTimeAndFoldsItAfter) {
    Ledger ledger(Residual::idle);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    Account& a = ledger.open(consumer("a"));
    ledger.charge(package, 100, {{&a, 1}}, 0);
    ledger.close_unlisted({{&a, 1}}, kNoon, kNoon - 1h);
    ledger.close_unlisted({}, kNoon + 1s, kNoon + 1s - 1h);
    ledger.close_unlisted({}, kNoon + 1h, kNoon);
    ASSERT_NE(find(ledger, "a"), nullptr) << "one second before its time is over";
    ledger.close_unlisted({}, kNoon + 1h + 1s, kNoon + 1s);
    EXPECT_EQ(find(ledger, "a"), nullptr);
    EXPECT_EQ(ledger.zones()[package].folded_uj, 100U);
    EXPECT_EQ(ledger.ended_uj(package), 100U);
    EXPECT_EQ(ledger.zones()[package].total_uj, 100U);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

TEST(Ledger, ForgetsAtOnceWhatIsNotKept) {
    Ledger ledger(Residual::idle);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    Account& a = ledger.open(consumer("a"));
    ledger.charge(package, 100, {{&a, 1}}, 0);
    ledger.close_unlisted({{&a, 1}}, kNoon, kNoon);
    EXPECT_NE(find(ledger, "a"), nullptr) << "it is listed";
    ledger.close_unlisted({}, kNoon + 1s, kNoon + 1s);
    EXPECT_TRUE(ledger.accounts().empty());
    EXPECT_EQ(ledger.ended_uj(package), 100U);
}

TEST(Ledger, GoesOnWhenAKeyComesBackInTime) {
    Ledger ledger(Residual::idle);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    Account& before = ledger.open(consumer("a"));
    ledger.charge(package, 100, {{&before, 1}}, 0);
    ledger.close_unlisted({{&before, 1}}, kNoon, kNoon - 1h);
    ledger.close_unlisted({}, kNoon + 1s, kNoon - 1h);
    Account& after = ledger.open(consumer("a"));
    EXPECT_FALSE(after.listed);
    ledger.charge(package, 50, {{&after, 1}}, 0);
    ledger.close_unlisted({{&after, 1}}, kNoon + 2s, kNoon - 1h);
    EXPECT_EQ(after.total_uj[package], 150U);
    EXPECT_EQ(ledger.ended_uj(package), 0U);
}

TEST(Ledger, BeginsAnewWhenAKeyComesBackTooLate) {
    Ledger ledger(Residual::idle);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    Account& before = ledger.open(consumer("a"));
    const std::uint64_t id = before.id;
    ledger.charge(package, 100, {{&before, 1}}, 0);
    ledger.close_unlisted({{&before, 1}}, kNoon, kNoon);
    ledger.close_unlisted({}, kNoon + 1s, kNoon + 1s);
    Account& after = ledger.open(consumer("a"));
    EXPECT_NE(after.id, id);
    EXPECT_EQ(after.total_uj[package], 0U);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

// Thousands of processes that end each leave a fraction of a microjoule open. What they are still
// owed is `other`'s then, so that nothing is open that nobody could ever settle.
TEST(Ledger, HandsTheFractionsOfForgottenAccountsToOther) {
    Ledger ledger(Residual::other);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    Account& process = ledger.open(consumer("a"));
    // One microjoule, of which the process' share is 0.4; other has all of it.
    ledger.charge(package, 1, {{&process, 4}}, 6);
    constexpr double kOne = 4'294'967'296.0;
    EXPECT_NEAR(static_cast<double>(process.carry[package]) / kOne, 0.4, 1e-6);
    EXPECT_NEAR(static_cast<double>(ledger.zones()[package].other_carry) / kOne, -0.4, 1e-6);
    ledger.close_unlisted({{&process, 4}}, kNoon, kNoon);
    ledger.close_unlisted({}, kNoon, kNoon);
    EXPECT_NEAR(static_cast<double>(ledger.zones()[package].other_carry) / kOne, 0.0, 1e-6);
}

TEST(Ledger, ChargesManyShortProcessesFairlyInSum) {
    Ledger ledger(Residual::other);
    const std::size_t package = ledger.zone_index(zone("intel-rapl:0"));
    constexpr int kProcesses = 2'000;
    double exact = 0;
    for (int i = 0; i < kProcesses; ++i) {
        Account& process = ledger.open(consumer(std::to_string(i)));
        const auto energy_uj = static_cast<std::uint64_t>(1'000 + 37 * i % 1'000);
        ledger.charge(package, energy_uj, {{&process, 1}}, 2);
        exact += static_cast<double>(energy_uj) / 3;
        ledger.close_unlisted({{&process, 1}}, kNoon, kNoon);
        ledger.close_unlisted({}, kNoon, kNoon);
    }
    // Each process can be wrong by less than one microjoule, of 500 on average.
    EXPECT_NEAR(static_cast<double>(ledger.zones()[package].folded_uj) / exact, 1.0, 0.001);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

TEST(Ledger, AddsUpAfterEveryRandomChargeWhileConsumersComeAndGo) {
    constexpr std::uint64_t kSeed = 4711;
    SCOPED_TRACE(testing::Message() << "seed " << kSeed);
    std::mt19937_64 random(kSeed);
    const auto below = [&random](std::uint64_t end) {
        return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random);
    };
    Ledger ledger(Residual::idle);
    std::vector<std::uint64_t> charged_uj;
    std::vector<ConsumerPtr> known;
    for (int i = 0; i < 30; ++i) {
        known.push_back(consumer("key-" + std::to_string(i)));
    }
    Wall now = kNoon;
    for (int tick = 0; tick < 3'000; ++tick, now += 1s) {
        if (tick % 700 == 0) {
            ledger.zone_index(zone("intel-rapl:" + std::to_string(tick / 700)));
            charged_uj.push_back(0);
        }
        std::vector<AccountUse> uses;
        for (const ConsumerPtr& each : known) {
            if (below(3) == 0) {
                uses.push_back({&ledger.open(each), below(4) == 0 ? 0 : below(2'000'000'000)});
            }
        }
        for (std::size_t index = 0; index < charged_uj.size(); ++index) {
            const std::uint64_t energy_uj = below(50'000'000);
            ledger.charge(index, energy_uj, uses, below(2) * below(1'000'000'000));
            charged_uj[index] += energy_uj;
        }
        ledger.close_unlisted(uses, now, now - 5s);
        ASSERT_EQ(ledger.conservation_error_uj(), 0U) << "tick " << tick;
        for (std::size_t index = 0; index < charged_uj.size(); ++index) {
            const ZoneTotals& totals = ledger.zones()[index];
            ASSERT_EQ(totals.total_uj, charged_uj[index]) << "tick " << tick;
            std::uint64_t parts = ledger.ended_uj(index) + totals.other_uj + totals.idle_uj;
            for (const AccountUse& use : uses) {
                parts += use.account->total_uj[index];
            }
            ASSERT_EQ(parts, totals.total_uj) << "tick " << tick;
        }
    }
}

Account restored(const std::string& key, std::vector<std::uint64_t> total_uj, Wall ended) {
    Account account;
    account.consumer = consumer(key);
    account.total_uj = std::move(total_uj);
    account.ended = ended;
    return account;
}

TEST(Ledger, GoesOnFromWhatWasRestored) {
    Ledger ledger(Residual::idle);
    ledger.restore({{zone("intel-rapl:0"), 1000, 100, 200, 300, 0}},
                   {restored("a", {400}, kNoon), restored("b", {0}, kNoon)});
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
    EXPECT_EQ(ledger.ended_uj(0), 500U) << "nobody is listed before the first tick";
    EXPECT_EQ(ledger.zone_index(zone("intel-rapl:0")), 0U);
    Account& a = ledger.open(consumer("a"));
    Account& c = ledger.open(consumer("c"));
    EXPECT_EQ(a.total_uj[0], 400U);
    EXPECT_FALSE(a.listed);
    EXPECT_NE(a.id, c.id);
    ledger.charge(0, 10, {{&a, 1}, {&c, 1}}, 0);
    EXPECT_EQ(a.total_uj[0], 405U);
    EXPECT_EQ(ledger.zones()[0].total_uj, 1010U);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

TEST(Ledger, KeepsRestoredAccountsForTheirTimeSinceTheyEnded) {
    Ledger ledger(Residual::idle);
    ledger.restore({{zone("intel-rapl:0"), 30, 0, 0, 0, 0}},
                   {restored("early", {10}, kNoon - 2h), restored("late", {20}, kNoon)});
    ledger.close_unlisted({}, kNoon + 1s, kNoon - 1h);
    EXPECT_EQ(find(ledger, "early"), nullptr);
    EXPECT_NE(find(ledger, "late"), nullptr);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

// The check would be worthless if it could not fail.
TEST(Ledger, NoticesTotalsThatDoNotAddUp) {
    Ledger too_much(Residual::idle);
    too_much.restore({{zone("intel-rapl:0"), 1000, 100, 200, 300, 0}},
                     {restored("a", {403}, kNoon)});
    EXPECT_EQ(too_much.conservation_error_uj(), 3U);

    Ledger too_little(Residual::idle);
    too_little.restore({{zone("intel-rapl:0"), 1000, 0, 0, 0, 0}}, {});
    EXPECT_EQ(too_little.conservation_error_uj(), 1000U);

    // One zone too high and another too low do not make it right.
    Ledger both(Residual::idle);
    both.restore({{zone("intel-rapl:0"), 10, 0, 0, 0, 0}, {zone("intel-rapl:1"), 10, 0, 0, 0, 0}},
                 {restored("a", {11, 9}, kNoon)});
    EXPECT_EQ(both.conservation_error_uj(), 2U);
}

} // namespace
} // namespace wattvisor
