// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/common/accounting/meter_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using test::consumer;
using test::expect_conservation;
using test::kRange;
using test::Rig;
using testing::HasSubstr;

class TwoZones : public testing::Test {
protected:
    TwoZones() {
        rig.energy.counters.push_back(
            {{"intel-rapl:1", "package-1", ZoneKind::package, 1, kRange}, 7'000'000'000});
        rig.use({{a, 0s}}, 0s);
        rig.tick();
        step();
    }
    // One second in which only `a` runs, and 1 J comes from each zone.
    SnapshotPtr step() {
        used += 1s;
        rig.use({{a, used}}, used);
        counter_0 += 1'000'000;
        counter_1 += 1'000'000;
        rig.energy.counters[0].uj = counter_0;
        if (rig.energy.counters[1].uj) {
            rig.energy.counters[1].uj = counter_1;
        }
        return rig.tick();
    }

    Rig rig;
    ConsumerPtr a = consumer("a");
    nanoseconds used{0};
    std::uint64_t counter_0 = 5'000'000;
    std::uint64_t counter_1 = 7'000'000'000;
};

// Scaphandre #147: an unreadable counter was 0, and when it came back the difference was the whole
// counter: 53 kW.
TEST_F(TwoZones, AnUnreadableCounterIsAbsentAndChargedOnceWhenItReturns) {
    rig.energy.counters[1].uj.reset();
    for (int i = 0; i < 3; ++i) {
        const auto gap = step();
        EXPECT_TRUE(gap->source_up);
        EXPECT_FALSE(gap->zones[1].readable);
        EXPECT_THAT(gap->zones[1].problem, HasSubstr("is empty"));
        EXPECT_EQ(gap->zones[1].power_uw, std::nullopt);
        EXPECT_EQ(gap->zones[1].total_uj, 1'000'000U);
        EXPECT_EQ(gap->zones[0].power_uw, 1'000'000U) << "the other zone goes on";
        EXPECT_EQ(gap->power_uw(), std::nullopt) << "a sum with a part missing looks right";
        EXPECT_EQ(gap->consumers[0].power_uw, std::nullopt);
        expect_conservation(*gap);
    }
    rig.energy.counters[1].uj = counter_1;
    const auto back = step();
    EXPECT_TRUE(back->zones[1].readable);
    EXPECT_EQ(back->zones[1].total_uj, 5'000'000U) << "all of the gap";
    EXPECT_EQ(back->zones[1].power_uw, std::nullopt) << "it is of four seconds, not of one";
    EXPECT_EQ(back->zones[1].resets, 0U);
    const auto after = step();
    EXPECT_EQ(after->zones[1].power_uw, 1'000'000U);
    EXPECT_EQ(after->power_uw(), 2'000'000U);
    EXPECT_EQ(after->consumers[0].energy_uj(after->zones), 12'000'000U);
    expect_conservation(*after);
}

TEST_F(TwoZones, AZoneThatIsNoLongerListedKeepsItsTotal) {
    rig.energy.counters.pop_back();
    used += 1s;
    rig.use({{a, used}}, used);
    rig.add_energy(1'000'000);
    const auto snapshot = rig.tick();
    ASSERT_EQ(snapshot->zones.size(), 2U);
    EXPECT_FALSE(snapshot->zones[1].readable);
    EXPECT_EQ(snapshot->zones[1].total_uj, 1'000'000U);
    EXPECT_EQ(snapshot->zones[0].total_uj, 2'000'000U);
    EXPECT_EQ(snapshot->zones[0].power_uw, 1'000'000U);
    expect_conservation(*snapshot);
}

TEST_F(TwoZones, AZoneThatAppearsLaterIsChargedFromItsSecondReading) {
    rig.energy.counters.push_back(
        {{"intel-rapl:0:0", "dram", ZoneKind::dram, 0, kRange}, 900'000'000});
    const auto first = step();
    ASSERT_EQ(first->zones.size(), 3U);
    EXPECT_EQ(first->zones[2].total_uj, 0U);
    EXPECT_EQ(first->zones[2].power_uw, std::nullopt);
    rig.energy.counters[2].uj = 900'000'500;
    const auto second = step();
    EXPECT_EQ(second->zones[2].total_uj, 500U);
    EXPECT_EQ(second->zones[2].power_uw, 500U);
    EXPECT_EQ(second->consumers[0].total_uj[2], 500U);
    expect_conservation(*second);
}

TEST_F(TwoZones, ZonesThatComeInAnotherOrderAreNotMixedUp) {
    std::swap(rig.energy.counters[0], rig.energy.counters[1]);
    rig.add_energy(10, 0); // package-1 now
    rig.add_energy(20, 1); // package-0
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[0].zone.id, "intel-rapl:0");
    EXPECT_EQ(snapshot->zones[0].total_uj, 1'000'020U);
    EXPECT_EQ(snapshot->zones[1].total_uj, 1'000'010U);
}

TEST_F(TwoZones, AResetChargesNothingAndIsCounted) {
    counter_1 = 0;
    const auto snapshot = step();
    EXPECT_EQ(snapshot->zones[1].resets, 1U);
    EXPECT_EQ(snapshot->zones[1].wraps, 0U);
    EXPECT_EQ(snapshot->zones[1].total_uj, 1'000'000U);
    EXPECT_EQ(snapshot->zones[1].power_uw, std::nullopt) << "what was used is not known";
    EXPECT_EQ(snapshot->zones[0].power_uw, 1'000'000U);
    const auto after = step();
    EXPECT_EQ(after->zones[1].total_uj, 2'000'000U);
    EXPECT_EQ(after->zones[1].power_uw, 1'000'000U);
    EXPECT_EQ(after->zones[1].resets, 1U);
    expect_conservation(*after);
}

TEST(Meter, ChargesAcrossAWrapAndCountsIt) {
    Rig rig;
    rig.energy.counters[0].uj = kRange - 100;
    rig.use({{consumer("a"), 0s}}, 0s);
    rig.tick();
    rig.energy.counters[0].uj = 899;
    rig.use({{consumer("a"), 1s}}, 1s);
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[0].wraps, 1U);
    EXPECT_EQ(snapshot->zones[0].resets, 0U);
    EXPECT_EQ(snapshot->zones[0].total_uj, 1000U);
    EXPECT_EQ(snapshot->zones[0].power_uw, 1000U);
}

// A host that merges its sockets after a change of configuration has one zone less for its guests.
TEST_F(TwoZones, AZoneThatIsGoneForGoodDoesNotTakeThePowerWithIt) {
    rig.energy.counters.pop_back();
    SnapshotPtr last;
    for (int i = 0; i < 10; ++i) {
        used += 1s;
        rig.use({{a, used}}, used);
        rig.add_energy(1'000'000);
        last = rig.tick();
    }
    EXPECT_EQ(last->power_uw(), 1'000'000U);
}

} // namespace
} // namespace wattvisor
