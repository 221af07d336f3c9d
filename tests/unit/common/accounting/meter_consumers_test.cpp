// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/common/accounting/meter_rig.hpp"

#include <gtest/gtest.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using test::consumer;
using test::expect_conservation;
using test::Rig;

TEST(Meter, CountsAConsumerThatReappearsFromZero) {
    Rig rig;
    const auto a = consumer("a");
    const auto b = consumer("b");
    rig.use({{a, 0s}, {b, 0s}}, 0s);
    rig.tick();
    rig.add_energy(10);
    rig.use({{a, 5s}, {b, 5s}}, 10s);
    rig.tick();
    rig.add_energy(10);
    rig.use({{b, 6s}}, 11s);
    const auto without = rig.tick();
    ASSERT_EQ(without->consumers.size(), 1U);
    EXPECT_EQ(without->zones[0].ended_uj, 5U);
    // A VM that was started again: its clock begins at 0, its total goes on.
    rig.add_energy(10);
    rig.use({{a, 1s}, {b, 7s}}, 13s);
    const auto again = rig.tick();
    ASSERT_EQ(again->consumers.size(), 2U);
    EXPECT_EQ(again->consumers[0].total_uj[0], 5U + 5U);
    EXPECT_EQ(again->zones[0].ended_uj, 0U);
    expect_conservation(*again);
}

TEST(Meter, ChargesANewConsumerForAllOfItsTime) {
    Rig rig;
    rig.use({}, 0s);
    rig.tick();
    rig.add_energy(100);
    rig.use({{consumer("born within the tick"), 400ms}}, 1s);
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 40U);
    EXPECT_EQ(snapshot->zones[0].other_uj, 60U);
}

TEST(Meter, ChargesNothingForAClockThatWentBack) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 10s}}, 10s);
    rig.tick();
    rig.add_energy(100);
    rig.use({{a, 9s}}, 11s);
    const auto back = rig.tick();
    EXPECT_EQ(back->consumers[0].total_uj[0], 0U);
    rig.add_energy(100);
    rig.use({{a, 10s}}, 12s);
    EXPECT_EQ(rig.tick()->consumers[0].total_uj[0], 100U);
}

// Scaphandre let a new VM inherit the counter of an old one that had its name.
TEST(Meter, BeginsAtZeroForANewVmWithAnOldName) {
    Rig rig;
    const auto old_vm = consumer("uuid-1", "web");
    const auto new_vm = consumer("uuid-2", "web");
    rig.use({{old_vm, 0s}}, 0s);
    rig.tick();
    rig.add_energy(1000);
    rig.use({{old_vm, 1s}}, 1s);
    rig.tick();
    rig.add_energy(10);
    rig.use({{new_vm, 1s}}, 2s);
    const auto snapshot = rig.tick();
    ASSERT_EQ(snapshot->consumers.size(), 1U);
    EXPECT_EQ(snapshot->consumers[0].consumer->key, "uuid-2");
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 10U);
    EXPECT_EQ(snapshot->zones[0].ended_uj, 1000U);
}

TEST(Meter, ForgetsNobodyWithinTheTimeToKeepAndNothingAfter) {
    Rig rig(Residual::idle, 10s);
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.add_energy(1000);
    rig.use({{a, 1s}}, 1s);
    rig.tick();
    rig.use({}, 1s);
    rig.tick();
    rig.tick(9s);
    EXPECT_EQ(rig.meter.ledger().accounts().size(), 1U);
    rig.tick(2s);
    EXPECT_TRUE(rig.meter.ledger().accounts().empty());
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[0].ended_uj, 1000U);
    EXPECT_EQ(snapshot->zones[0].total_uj, 1000U);
    expect_conservation(*snapshot);
}

TEST(Meter, GoesOnFromARestoredLedgerWithoutChargingForTheMeantime) {
    Ledger ledger(Residual::idle);
    Account account;
    account.consumer = consumer("a");
    account.total_uj = {700};
    ledger.restore({{{"intel-rapl:0", "package-0", ZoneKind::package, 0, 0}, 1000, 0, 300, 0, 0}},
                   {account});
    Rig rig;
    rig.meter = Meter({"abc", 1s, 1h}, std::move(ledger));
    rig.now.wall = std::chrono::system_clock::time_point(10min);
    rig.use({{consumer("a"), 0s}}, 50s);
    const auto first = rig.tick();
    EXPECT_EQ(first->consumers[0].total_uj[0], 700U);
    EXPECT_EQ(first->zones[0].total_uj, 1000U);
    rig.add_energy(10);
    rig.use({{consumer("a"), 1s}}, 51s);
    const auto second = rig.tick();
    EXPECT_EQ(second->consumers[0].total_uj[0], 710U);
    EXPECT_EQ(second->power_uw(), 10U);
    expect_conservation(*second);
}

} // namespace
} // namespace wattvisor
