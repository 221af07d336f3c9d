// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/common/accounting/meter_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using test::consumer;
using test::expect_conservation;
using test::Rig;
using testing::HasSubstr;

// The host publishes each 5 s and the guest looks each second: 0 W, 0 W, then 2.5 times the power
// is what others made of it.
TEST(Meter, HoldsWhatItHasUntilTheSourceMeasuredAnew) {
    Rig rig;
    const auto a = consumer("a");
    rig.energy.source_interval = 5s;
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.add_energy(50'000'000);
    rig.use({{a, 5s}}, 5s);
    const auto fresh = rig.tick(5s);
    EXPECT_EQ(fresh->power_uw(), 10'000'000U);
    rig.energy.is_silent = true;
    const int collections = rig.source.collections;
    for (int i = 0; i < 4; ++i) {
        rig.use({{a, 6s}}, 6s);
        const auto held = rig.tick();
        EXPECT_EQ(held->sequence, fresh->sequence);
        EXPECT_EQ(held->power_uw(), 10'000'000U);
        EXPECT_TRUE(held->source_up);
    }
    EXPECT_EQ(rig.source.collections, collections) << "CPU times are taken with the energy";
    rig.energy.is_silent = false;
    rig.add_energy(50'000'000);
    rig.use({{a, 10s}}, 10s);
    const auto next = rig.tick();
    EXPECT_EQ(next->sequence, fresh->sequence + 1);
    EXPECT_EQ(next->measured, 5s);
    EXPECT_EQ(next->power_uw(), 10'000'000U);
    EXPECT_EQ(next->consumers[0].total_uj[0], 100'000'000U);
}

// A host agent that died left its guests at 0 W. Nothing is known, so nothing is shown.
TEST(Meter, ShowsNoPowerWhenTheSourceFellSilent) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.add_energy(10'000'000);
    rig.use({{a, 1s}}, 1s);
    const auto fresh = rig.tick();
    rig.energy.is_silent = true;
    SnapshotPtr held;
    for (int i = 0; i < 3; ++i) {
        held = rig.tick();
        EXPECT_TRUE(held->source_up) << "a hiccup";
    }
    held = rig.tick();
    EXPECT_FALSE(held->source_up);
    EXPECT_THAT(held->source_problem, HasSubstr("stand still"));
    EXPECT_EQ(held->power_uw(), std::nullopt);
    EXPECT_EQ(held->zones[0].power_uw, std::nullopt);
    EXPECT_EQ(held->consumers[0].power_uw, std::nullopt);
    EXPECT_EQ(held->consumers[0].cpu_usage, std::nullopt);
    EXPECT_EQ(held->measured, std::nullopt);
    EXPECT_EQ(held->sequence, fresh->sequence);
    EXPECT_EQ(held->consumers[0].total_uj[0], 10'000'000U) << "totals stay";
    EXPECT_EQ(held->ticks, 6U);
    EXPECT_TRUE(fresh->source_up) << "a snapshot that was handed out never changes";

    rig.energy.is_silent = false;
    rig.add_energy(60'000'000);
    rig.use({{a, 6s}}, 6s);
    const auto back = rig.tick(2s);
    EXPECT_TRUE(back->source_up);
    EXPECT_TRUE(back->source_problem.empty());
    EXPECT_EQ(back->measured, 6s);
    EXPECT_EQ(back->power_uw(), 10'000'000U);
    EXPECT_EQ(back->consumers[0].total_uj[0], 70'000'000U);
}

TEST(Meter, IsPatientWithASourceThatIsSlow) {
    Rig rig;
    rig.energy.source_interval = 10s;
    rig.use({}, 0s);
    rig.tick();
    rig.energy.is_silent = true;
    EXPECT_TRUE(rig.tick(30s)->source_up);
    EXPECT_FALSE(rig.tick(1s)->source_up);
}

TEST(Meter, SaysWhyTheSourceIsDownAndKeepsTheTotals) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.add_energy(10'000'000);
    rig.use({{a, 1s}}, 1s);
    rig.tick();
    rig.energy.failure = "the share was unmounted";
    EXPECT_TRUE(rig.tick()->source_up) << "once is no outage";
    const auto down = rig.tick(3s);
    EXPECT_FALSE(down->source_up);
    EXPECT_EQ(down->source_problem, "the source: the share was unmounted");
    EXPECT_EQ(down->zones[0].total_uj, 10'000'000U);
    rig.energy.failure.clear();
    rig.add_energy(40'000'000);
    rig.use({{a, 5s}}, 5s);
    const auto back = rig.tick();
    EXPECT_TRUE(back->source_up);
    EXPECT_EQ(back->power_uw(), 8'000'000U) << "40 J in 5 s";
    expect_conservation(*back);
}

TEST(Meter, StartsWithoutASourceAndSaysSo) {
    Rig rig;
    rig.energy.failure = "there is no share yet";
    const auto down = rig.tick();
    EXPECT_FALSE(down->source_up);
    EXPECT_EQ(down->source_problem, "the source: there is no share yet");
    EXPECT_EQ(down->sequence, 0U);
    EXPECT_EQ(down->power_uw(), std::nullopt);
    EXPECT_EQ(down->ticks, 1U);
    rig.energy.failure.clear();
    EXPECT_TRUE(rig.tick()->source_up);
}

// The host agent was restarted: its ledger went on, so the difference is real, but the two times
// are on different clocks.
TEST(Meter, ChargesTheDifferenceAcrossEpochsButKnowsNoPower) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.energy.epoch = "second";
    rig.energy.sequence = 0;
    rig.add_energy(10'000'000);
    rig.use({{a, 1s}}, 1s);
    const auto snapshot = rig.tick();
    EXPECT_TRUE(snapshot->source_up);
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 10'000'000U);
    EXPECT_EQ(snapshot->measured, std::nullopt);
    EXPECT_EQ(snapshot->power_uw(), std::nullopt);
    rig.add_energy(10'000'000);
    rig.use({{a, 2s}}, 2s);
    EXPECT_EQ(rig.tick()->power_uw(), 10'000'000U);
}

TEST(Meter, TakesTheSameSequenceOfAnotherEpochForNew) {
    Rig rig;
    rig.use({}, 0s);
    rig.tick();
    rig.energy.is_silent = true;
    rig.energy.epoch = "second";
    rig.add_energy(5);
    EXPECT_EQ(rig.tick()->zones[0].total_uj, 5U);
}

TEST(Meter, KnowsNoPowerWhereNoTimePassed) {
    Rig rig;
    rig.use({}, 0s);
    rig.tick();
    rig.add_energy(5);
    const auto snapshot = rig.tick(0s);
    EXPECT_EQ(snapshot->measured, std::nullopt);
    EXPECT_EQ(snapshot->power_uw(), std::nullopt);
    EXPECT_EQ(snapshot->zones[0].total_uj, 5U);
}

TEST(Meter, KnowsNoPowerWhenTheSourcesClockWentBack) {
    Rig rig;
    rig.use({}, 0s);
    rig.tick();
    rig.add_energy(5);
    rig.now.monotonic -= 10s;
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->measured, std::nullopt);
    EXPECT_EQ(snapshot->power_uw(), std::nullopt);
    EXPECT_EQ(snapshot->zones[0].total_uj, 5U);
}

TEST(Meter, TellsWhetherEnergyWasEstimated) {
    Rig rig;
    rig.energy.estimated = true;
    EXPECT_TRUE(rig.tick()->estimated);
}

} // namespace
} // namespace wattvisor
