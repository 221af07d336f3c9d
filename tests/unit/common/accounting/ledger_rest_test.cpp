// SPDX-License-Identifier: Apache-2.0
// Accounts that are awake and at rest: what the ledger adds up without looking at every account.
#include "common/accounting/ledger.hpp"
#include "tests/unit/common/accounting/meter_rig.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using test::consumer;
using Wall = std::chrono::system_clock::time_point;

constexpr Wall kNoon{std::chrono::hours(24)};

class LedgerAtRest : public testing::Test {
protected:
    LedgerAtRest() { ledger.zone_index({"intel-rapl:0", "package-0", ZoneKind::package, 0, 0}); }
    // Opens, charges and lists those of these keys, and ends all others.
    void tick(const std::vector<std::string>& keys, std::uint64_t energy_uj) {
        std::vector<AccountUse> uses;
        for (const std::string& key : keys) {
            uses.push_back({&ledger.open(consumer(key)), 1});
        }
        ledger.charge(0, energy_uj, uses, 0);
        now += 1s;
        ledger.close_unlisted(uses, now, now - 10s);
    }

    Ledger ledger{Residual::idle};
    Wall now = kNoon;
};

TEST_F(LedgerAtRest, AreAwakeWhileTheyAreListed) {
    tick({"b", "a"}, 100);
    ASSERT_EQ(ledger.awake().size(), 2U);
    EXPECT_EQ(ledger.awake()[0]->consumer->key, "b");
    EXPECT_EQ(ledger.awake()[1]->consumer->key, "a");
    tick({"a"}, 100);
    ASSERT_EQ(ledger.awake().size(), 1U);
    EXPECT_EQ(ledger.awake()[0]->consumer->key, "a");
    EXPECT_EQ(ledger.accounts().size(), 2U);
    EXPECT_EQ(ledger.ended_uj(0), 50U);
    tick({"b", "a"}, 100);
    EXPECT_EQ(ledger.awake().size(), 2U);
    EXPECT_EQ(ledger.ended_uj(0), 0U);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

// The file of those at rest is written when this changes, and costs nothing when it does not.
TEST_F(LedgerAtRest, ChangeTheirVersionOnlyWhenOneComesOrGoes) {
    tick({"a", "b"}, 100);
    const auto began = ledger.resting_version();
    tick({"a", "b"}, 100);
    EXPECT_EQ(ledger.resting_version(), began) << "nobody is at rest";
    tick({"a"}, 100);
    const auto ended = ledger.resting_version();
    EXPECT_NE(ended, began);
    tick({"a"}, 100);
    EXPECT_EQ(ledger.resting_version(), ended) << "who is at rest is charged nothing";
    tick({"a", "b"}, 100);
    const auto woken = ledger.resting_version();
    EXPECT_NE(woken, ended);
    tick({"a"}, 100);
    const auto again = ledger.resting_version();
    EXPECT_NE(again, woken);
    now += 10s;
    tick({"a"}, 100);
    EXPECT_NE(ledger.resting_version(), again) << "it is forgotten";
    const auto forgotten = ledger.resting_version();
    ledger.zone_index({"intel-rapl:1", "package-1", ZoneKind::package, 1, 0});
    EXPECT_NE(ledger.resting_version(), forgotten) << "their text has one zone more";
}

TEST_F(LedgerAtRest, AreForgottenTheirTimeAfterTheyWereLastListed) {
    tick({"a"}, 100); // 1 s
    tick({}, 0);      // at rest since 2 s
    for (int second = 3; second <= 11; ++second) {
        tick({}, 0);
    }
    EXPECT_EQ(ledger.accounts().size(), 1U);
    tick({}, 0); // 12 s
    EXPECT_TRUE(ledger.accounts().empty());
    EXPECT_EQ(ledger.ended_uj(0), 100U);
    EXPECT_EQ(ledger.zones()[0].folded_uj, 100U);
}

// One that came back and ended again has its time from then on.
TEST_F(LedgerAtRest, HaveTheirTimeAnewWhenTheyWereThereAgain) {
    tick({"a"}, 100);
    tick({}, 0);
    now += 5s;
    tick({"a"}, 100);
    tick({}, 0);
    now += 8s;
    tick({}, 0);
    EXPECT_EQ(ledger.accounts().size(), 1U);
    EXPECT_EQ(ledger.ended_uj(0), 200U);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

TEST_F(LedgerAtRest, AreOpenedTwiceInOneTickWithoutBeingCountedTwice) {
    tick({"a"}, 100);
    tick({}, 0);
    Account& first = ledger.open(consumer("a"));
    Account& second = ledger.open(consumer("a"));
    EXPECT_EQ(&first, &second);
    EXPECT_EQ(ledger.awake().size(), 1U);
    EXPECT_EQ(ledger.ended_uj(0), 0U);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

// Two processes can name the same UUID on their command lines: that is a wrong bill for these two,
// and for nobody else.
TEST_F(LedgerAtRest, AreAwakeOnceHoweverOftenAKeyIsListed) {
    tick({"a", "a", "b"}, 300);
    EXPECT_EQ(ledger.awake().size(), 2U);
    EXPECT_EQ(ledger.zones()[0].total_uj, 300U);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
    tick({"b"}, 10);
    EXPECT_EQ(ledger.ended_uj(0), 200U);
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
}

TEST_F(LedgerAtRest, KnowAConsumerOnlyOnceItIsOpened) {
    EXPECT_EQ(ledger.find(consumer("a")), nullptr);
    tick({"a"}, 100);
    tick({}, 0);
    const auto renamed = consumer("a", "renamed");
    Account* known = ledger.find(renamed);
    ASSERT_NE(known, nullptr);
    EXPECT_EQ(known->consumer, renamed);
    EXPECT_EQ(ledger.awake().size(), 1U) << "it is no longer at rest";
    EXPECT_EQ(ledger.ended_uj(0), 0U);
}

TEST_F(LedgerAtRest, AreAllThatWasRestoredInTheOrderOfTheirKeys) {
    Account late;
    late.consumer = consumer("z");
    late.total_uj = {30};
    late.ended = kNoon;
    Account early = late;
    early.consumer = consumer("a");
    early.total_uj = {70};
    Ledger restored(Residual::idle);
    restored.restore({{{"intel-rapl:0", "package-0", ZoneKind::package, 0, 0}, 100, 0, 0, 0, 0}},
                     {late, early});
    EXPECT_TRUE(restored.awake().empty());
    EXPECT_EQ(restored.ended_uj(0), 100U);
    EXPECT_EQ(restored.accounts().begin()->second.consumer->key, "a");
}

// `idle` rounds like everybody else, and what rounding took from it is not lost.
TEST(Ledger, CarriesTheFractionsOfIdle) {
    Ledger ledger(Residual::idle);
    ledger.zone_index({"intel-rapl:0", "package-0", ZoneKind::package, 0, 0});
    Account& a = ledger.open(consumer("a"));
    for (int tick = 0; tick < 300; ++tick) {
        ledger.charge(0, 1, {{&a, 1}}, 1, 1);
    }
    EXPECT_EQ(a.total_uj[0], 100U);
    EXPECT_EQ(ledger.zones()[0].other_uj, 100U);
    EXPECT_EQ(ledger.zones()[0].idle_uj, 100U);
    EXPECT_EQ(ledger.zones()[0].total_uj, 300U);
}

} // namespace
} // namespace wattvisor
