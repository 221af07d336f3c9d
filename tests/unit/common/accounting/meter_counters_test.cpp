// SPDX-License-Identifier: Apache-2.0
// What counters and clocks do to a meter: frozen, leaping, reset by a sleep, read by no one.
#include "tests/unit/common/accounting/meter_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using test::consumer;
using test::expect_conservation;
using test::kRange;
using test::Rig;
using testing::HasSubstr;

class MeterOfHardware : public testing::Test {
protected:
    MeterOfHardware() {
        rig.energy.moves_always = true;
        rig.energy.counters.push_back({{"intel-rapl:0:0", "dram", ZoneKind::dram, 0, kRange}, 0});
        rig.use({{a, 0s}}, 0s);
        rig.tick();
    }
    // A second in which `a` used energy of the package, and so much of the memory's.
    SnapshotPtr step(std::uint64_t dram_uj = 0) {
        used += 1s;
        rig.use({{a, used}}, used);
        rig.add_energy(1'000'000, 0);
        rig.add_energy(dram_uj, 1);
        return rig.tick();
    }
    // The machine slept for this long before the next tick.
    void sleep(std::chrono::nanoseconds time) { rig.now.boottime += time; }

    Rig rig;
    ConsumerPtr a = consumer("a");
    std::chrono::nanoseconds used{0};
};

TEST_F(MeterOfHardware, LeavesOutAFrozenCounterWithAReason) {
    step(500);
    SnapshotPtr last;
    for (int i = 0; i < 9; ++i) {
        last = step();
        EXPECT_TRUE(last->zones[1].readable);
        EXPECT_EQ(last->power_uw(), 1'000'000U);
    }
    last = step();
    EXPECT_FALSE(last->zones[1].readable);
    EXPECT_TRUE(last->zones[1].listed);
    EXPECT_THAT(last->zones[1].problem, HasSubstr("stands still at 500"));
    EXPECT_EQ(last->zones[1].power_uw, std::nullopt) << "not 0 W";
    EXPECT_EQ(last->power_uw(), std::nullopt) << "a sum with a part missing looks right";
    EXPECT_EQ(last->zones[0].power_uw, 1'000'000U);
    EXPECT_TRUE(last->source_up);
    const auto back = step(12'000);
    EXPECT_TRUE(back->zones[1].readable);
    EXPECT_EQ(back->zones[1].total_uj, 12'500U);
    EXPECT_EQ(back->zones[1].power_uw, std::nullopt) << "it is of eleven seconds";
    EXPECT_EQ(step(100)->zones[1].power_uw, 100U);
    expect_conservation(*back);
}

// Some processors show a dram zone that stays at 0: it is no part of the power, and takes none of
// it away.
TEST_F(MeterOfHardware, DoesWithoutAZoneThatNeverCounted) {
    SnapshotPtr last;
    for (int i = 0; i < 10; ++i) {
        last = step();
    }
    EXPECT_FALSE(last->zones[1].listed);
    EXPECT_FALSE(last->zones[1].readable);
    EXPECT_EQ(last->power_uw(), 1'000'000U);
    EXPECT_EQ(last->consumers[0].power_uw, 1'000'000U);
}

// Scaphandre's users saw 53 kW and 54.7 kW (#147, #441).
TEST_F(MeterOfHardware, ChargesNothingForALeapAndCountsIt) {
    step(500);
    const auto leap = step(kRange / 2);
    EXPECT_EQ(leap->zones[1].total_uj, 500U);
    EXPECT_EQ(leap->zones[1].jumps, 1U);
    EXPECT_EQ(leap->zones[1].power_uw, std::nullopt);
    EXPECT_EQ(leap->zones[1].resets + leap->zones[1].wraps, 0U);
    const auto after = step(700);
    EXPECT_EQ(after->zones[1].total_uj, 1'200U);
    EXPECT_EQ(after->zones[1].power_uw, 700U);
    EXPECT_EQ(after->zones[1].jumps, 1U);
}

// What counters did while the machine slept is charged, and is no power of the tick after it.
TEST_F(MeterOfHardware, CountsASuspendAndKnowsNoPowerOfThatTick) {
    EXPECT_EQ(step(500)->suspends, 0U);
    sleep(1h);
    const auto awake = step(7'000);
    EXPECT_EQ(awake->suspends, 1U);
    EXPECT_EQ(awake->zones[1].total_uj, 7'500U);
    EXPECT_EQ(awake->zones[1].power_uw, std::nullopt);
    EXPECT_EQ(awake->power_uw(), std::nullopt);
    const auto after = step(700);
    EXPECT_EQ(after->suspends, 1U);
    EXPECT_EQ(after->zones[1].power_uw, 700U);
    expect_conservation(*after);
}

// The two clocks are read one after the other: that is no sleep.
TEST_F(MeterOfHardware, DoesNotTakeADelayBetweenItsClocksForASleep) {
    step(500);
    sleep(999ms);
    const auto snapshot = step(500);
    EXPECT_EQ(snapshot->suspends, 0U);
    EXPECT_EQ(snapshot->zones[1].power_uw, 500U);
    sleep(1s);
    EXPECT_EQ(step(500)->suspends, 1U) << "and this is one";
}

// Firmware starts counters anew: near the edge of its range that looks like a wrap.
TEST_F(MeterOfHardware, TakesAStepBackAfterASleepForAReset) {
    rig.energy.counters[0].uj = kRange - 2'000'000;
    rig.tick();
    sleep(1h);
    rig.energy.counters[0].uj = 5'000;
    rig.use({{a, used}}, used);
    const auto total_before = rig.meter.ledger().zones()[0].total_uj;
    const auto awake = rig.tick();
    EXPECT_EQ(awake->zones[0].resets, 1U);
    EXPECT_EQ(awake->zones[0].wraps, 0U);
    EXPECT_EQ(awake->zones[0].total_uj, total_before);
}

// A machine that sleeps for an hour may use what would be a leap in a second.
TEST_F(MeterOfHardware, AllowsForTheTimeOfASleep) {
    step(500);
    sleep(1h);
    const auto awake = step(30'000'000'000);
    EXPECT_EQ(awake->zones[1].jumps, 0U);
    EXPECT_EQ(awake->zones[1].total_uj, 30'000'000'500U);
}

// A sleep that no measurement has seen yet is not forgotten.
TEST_F(MeterOfHardware, RemembersASleepUntilTheNextMeasurement) {
    step(500);
    sleep(1h);
    rig.energy.failure = "not yet";
    rig.tick();
    rig.energy.failure.clear();
    const auto awake = step(500);
    EXPECT_EQ(awake->suspends, 1U);
    EXPECT_EQ(awake->zones[1].power_uw, std::nullopt);
}

class MeterAfterRestart : public testing::Test {
protected:
    // An agent that last read the counter here goes on with its ledger, and reads this first.
    SnapshotPtr go_on(std::optional<std::uint64_t> was, std::uint64_t is) {
        ZoneTotals totals;
        totals.zone = rig.energy.counters[0].zone;
        totals.total_uj = 1'000;
        totals.other_uj = 1'000;
        totals.counter_uj = was;
        totals.unmetered_uj = 5;
        Ledger ledger(Residual::idle);
        ledger.restore({totals}, {});
        rig.meter = Meter({"abc", 1s, 1h}, std::move(ledger));
        rig.energy.counters[0].uj = is;
        return rig.tick();
    }
    Rig rig;
};

// What the machine used while no agent ran is nobody's bill, and is not lost either.
TEST_F(MeterAfterRestart, CountsWhatWasUsedMeanwhileAsUnmetered) {
    const auto snapshot = go_on(4'000, 9'000);
    EXPECT_EQ(snapshot->zones[0].unmetered_uj, 5'005U);
    EXPECT_EQ(snapshot->zones[0].total_uj, 1'000U);
    EXPECT_EQ(snapshot->zones[0].power_uw, std::nullopt);
    rig.add_energy(100);
    EXPECT_EQ(rig.tick()->zones[0].unmetered_uj, 5'005U) << "once";
    expect_conservation(*snapshot);
}

TEST_F(MeterAfterRestart, SeesAWrapInTheMeantime) {
    const auto snapshot = go_on(kRange - 9, 90);
    EXPECT_EQ(snapshot->zones[0].unmetered_uj, 105U);
    EXPECT_EQ(snapshot->zones[0].wraps, 0U) << "of what was metered";
}

TEST_F(MeterAfterRestart, KnowsNothingOfAResetOrALeapInTheMeantime) {
    EXPECT_EQ(go_on(kRange / 2, 90)->zones[0].unmetered_uj, 5U);
    EXPECT_EQ(go_on(std::nullopt, 90)->zones[0].unmetered_uj, 5U) << "the machine was rebooted";
    rig.energy.counters[0].zone.max_energy_range_uj = UINT64_MAX;
    EXPECT_EQ(go_on(4'000, std::uint64_t{1} << 60U)->zones[0].unmetered_uj, 5U);
}

TEST_F(MeterAfterRestart, RemembersWhereTheCounterStands) {
    go_on(std::nullopt, 90);
    EXPECT_EQ(rig.meter.ledger().zones()[0].counter_uj, 90U);
    rig.energy.counters[0].uj.reset();
    rig.tick();
    EXPECT_EQ(rig.meter.ledger().zones()[0].counter_uj, 90U) << "as it was last read";
    rig.energy.counters[0].uj = 190;
    rig.tick();
    EXPECT_EQ(rig.meter.ledger().zones()[0].counter_uj, 190U);
}

} // namespace
} // namespace wattvisor
