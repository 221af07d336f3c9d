// SPDX-License-Identifier: Apache-2.0
// What the policies mean end to end: who pays for a machine that idles.
#include "tests/unit/common/accounting/meter_rig.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using test::consumer;
using test::expect_conservation;
using test::kRange;
using test::Rig;
using test::topology_of;

// One socket of 4 CPUs; a has one vCPU and b three.
class MeterWithPolicy : public testing::Test {
protected:
    void begin(const PolicySettings& policy) {
        rig.meter = Meter({"abc", 1s, 1h, policy}, Ledger(Residual::idle));
        rig.source.next.topology = topology_of({0}, 4);
        step(0, 0s, 0s);
    }
    // A second in which a and b ran so long, and nothing else.
    SnapshotPtr step(std::uint64_t uj, nanoseconds by_a, nanoseconds by_b, nanoseconds time = 1s) {
        used_a += by_a;
        used_b += by_b;
        rig.add_energy(uj);
        rig.use({{a, used_a}, {b, used_b}}, used_a + used_b);
        return rig.tick(time);
    }

    Rig rig;
    ConsumerPtr a = consumer("a", "vm", 1);
    ConsumerPtr b = consumer("b", "vm", 3);
    nanoseconds used_a{0};
    nanoseconds used_b{0};
};

TEST_F(MeterWithPolicy, CapacityChargesWhatNobodyUsedToIdle) {
    begin({Policy::capacity, {}, DramBy::cpu_time});
    const auto snapshot = step(8'000'000, 1s, 2s);
    EXPECT_EQ(snapshot->policy, Policy::capacity);
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 2'000'000U);
    EXPECT_EQ(snapshot->consumers[1].total_uj[0], 4'000'000U);
    EXPECT_EQ(snapshot->zones[0].idle_uj, 2'000'000U) << "one of four CPUs";
    EXPECT_EQ(snapshot->zones[0].other_uj, 0U);
    expect_conservation(*snapshot);
}

// Kepler had idle power as a residual, which went to 0 under load (#2465), or charged all of it to
// every VM (#973).
TEST_F(MeterWithPolicy, CapacityGivesAnIdleVmNothingAndAFullMachineNoIdle) {
    begin({Policy::capacity, {}, DramBy::cpu_time});
    const auto full = step(8'000'000, 4s, 0s);
    EXPECT_EQ(full->zones[0].idle_uj, 0U);
    EXPECT_EQ(full->consumers[1].total_uj[0], 0U);
    const auto idle = step(8'000'000, 0s, 0s);
    EXPECT_EQ(idle->zones[0].idle_uj, 8'000'000U);
}

TEST_F(MeterWithPolicy, StaticSplitsTheGivenFloorByVcpusAndTheRestByWhatRan) {
    PolicySettings policy{Policy::static_floor, {}, DramBy::cpu_time};
    policy.floor_uw.emplace();
    (*policy.floor_uw)[static_cast<std::size_t>(ZoneKind::package)] = 4'000'000;
    (*policy.floor_uw)[static_cast<std::size_t>(ZoneKind::dram)] = 9'000'000;
    begin(policy);
    const auto snapshot = step(10'000'000, 1s, 1s);
    EXPECT_EQ(snapshot->zones[0].floor_uw, 4'000'000U);
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 1'000'000U + 3'000'000U);
    EXPECT_EQ(snapshot->consumers[1].total_uj[0], 3'000'000U + 3'000'000U);
    EXPECT_EQ(snapshot->consumers[0].power_uw, 4'000'000U) << "both parts";
    const auto idle = step(4'000'000, 0s, 0s);
    EXPECT_EQ(idle->consumers[0].total_uj[0], 5'000'000U);
    EXPECT_EQ(idle->zones[0].idle_uj, 0U);
    const auto longer = step(20'000'000, 1s, 0s, 2s);
    EXPECT_EQ(longer->consumers[1].total_uj[0], 9'000'000U + 6'000'000U) << "a floor of 8 J in 2 s";
    expect_conservation(*longer);
}

// What comes in after a gap is the energy of all of it, and so is the floor.
TEST_F(MeterWithPolicy, StaticTakesTheFloorOfAllOfAGap) {
    PolicySettings policy{Policy::static_floor, {}, DramBy::cpu_time};
    policy.floor_uw.emplace();
    (*policy.floor_uw)[static_cast<std::size_t>(ZoneKind::package)] = 4'000'000;
    begin(policy);
    const auto value = *rig.energy.counters[0].uj;
    rig.energy.counters[0].uj.reset();
    rig.use({{a, 0s}, {b, 0s}}, 0s);
    rig.tick(2s);
    rig.energy.counters[0].uj = value;
    const auto snapshot = step(20'000'000, 1s, 0s);
    EXPECT_EQ(snapshot->consumers[1].total_uj[0], 9'000'000U) << "three quarters of 12 J in 3 s";
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 3'000'000U + 8'000'000U);
}

TEST_F(MeterWithPolicy, StaticChargesTheFloorToIdleWhereNobodyHasVcpus) {
    PolicySettings policy{Policy::static_floor, {}, DramBy::cpu_time};
    policy.floor_uw.emplace();
    (*policy.floor_uw)[static_cast<std::size_t>(ZoneKind::package)] = 4'000'000;
    a = consumer("a");
    b = consumer("b");
    begin(policy);
    const auto snapshot = step(10'000'000, 1s, 1s);
    EXPECT_EQ(snapshot->zones[0].idle_uj, 4'000'000U);
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 3'000'000U);
    expect_conservation(*snapshot);
}

TEST_F(MeterWithPolicy, StaticLearnsTheFloorFromTheQuietestTenSeconds) {
    begin({Policy::static_floor, {}, DramBy::cpu_time});
    EXPECT_EQ(step(0, 0s, 0s)->zones[0].floor_uw, std::nullopt);
    SnapshotPtr last;
    for (int i = 0; i < 9; ++i) {
        last = step(8'000'000, 1s, 1s);
    }
    EXPECT_EQ(last->zones[0].floor_uw, 7'200'000U) << "72 J in the first 10 s";
    for (int i = 0; i < 10; ++i) {
        last = step(3'000'000, 0s, 0s);
    }
    EXPECT_EQ(last->zones[0].floor_uw, 3'000'000U);
    for (int i = 0; i < 10; ++i) {
        last = step(50'000'000, 4s, 0s);
    }
    EXPECT_EQ(last->zones[0].floor_uw, 3'000'000U) << "the least";
    EXPECT_EQ(rig.meter.ledger().zones()[0].floor_uw, 3'000'000U) << "it survives a restart";
    const auto before = last->consumers[1].total_uj[0];
    EXPECT_EQ(step(10'000'000, 1s, 0s)->consumers[1].total_uj[0] - before, 2'250'000U)
        << "three of four vCPUs";
    expect_conservation(*last);
}

// The energy of a gap is of a longer time than the tick after it: taken for one second it would be
// a power that never was.
TEST_F(MeterWithPolicy, StaticLearnsNothingFromAGap) {
    begin({Policy::static_floor, {}, DramBy::cpu_time});
    for (int i = 0; i < 5; ++i) {
        step(1'000'000, 0s, 0s);
    }
    const auto value = rig.energy.counters[0].uj;
    rig.energy.counters[0].uj.reset();
    rig.use({{a, 0s}, {b, 0s}}, 0s);
    rig.tick();
    rig.energy.counters[0].uj = value;
    step(2'000'000, 0s, 0s);
    for (int i = 0; i < 9; ++i) {
        EXPECT_EQ(step(1'000'000, 0s, 0s)->zones[0].floor_uw, std::nullopt) << i;
    }
    EXPECT_EQ(step(1'000'000, 0s, 0s)->zones[0].floor_uw, 1'000'000U);
}

TEST_F(MeterWithPolicy, OthersDoNotShowAFloor) {
    begin({Policy::active, {}, DramBy::cpu_time});
    SnapshotPtr last;
    for (int i = 0; i < 12; ++i) {
        last = step(1'000'000, 1s, 0s);
    }
    EXPECT_EQ(last->zones[0].floor_uw, std::nullopt);
    EXPECT_EQ(last->policy, Policy::active);
    EXPECT_EQ(rig.meter.ledger().zones()[0].floor_uw, 1'000'000U) << "learned in case it is needed";
}

} // namespace
} // namespace wattvisor
