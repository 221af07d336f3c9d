// SPDX-License-Identifier: Apache-2.0
// Energy of a socket goes to those who ran on it.
#include "tests/unit/common/accounting/meter_rig.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using test::consumer;
using test::expect_conservation;
using test::kRange;
using test::Rig;
using test::topology_of;
using Numbers = std::vector<std::uint64_t>;

// Zones in this order: package-0, dram of it, package-1, dram of it, psys.
constexpr std::size_t kPackage0 = 0;
constexpr std::size_t kDram0 = 1;
constexpr std::size_t kPackage1 = 2;
constexpr std::size_t kDram1 = 3;
constexpr std::size_t kPsys = 4;

class MeterOfTwoSockets : public testing::Test {
protected:
    MeterOfTwoSockets() { begin(); }
    void begin() {
        rig.energy.counters = {{{"intel-rapl:0", "package-0", ZoneKind::package, 0, kRange}, 5},
                               {{"intel-rapl:0:0", "dram", ZoneKind::dram, 0, kRange}, 5},
                               {{"intel-rapl:1", "package-1", ZoneKind::package, 1, kRange}, 5},
                               {{"intel-rapl:1:0", "dram", ZoneKind::dram, 1, kRange}, 5},
                               {{"intel-rapl:2", "psys", ZoneKind::psys, 0, kRange}, 5}};
        rig.source.next.topology = topology_of({0, 1}, 4);
        rig.use_on_sockets({{a, {0s, 0s}}, {b, {0s, 0s}}}, {0s, 0s});
        rig.tick();
    }
    void add_to_all(std::uint64_t uj) {
        for (std::size_t zone = 0; zone < rig.energy.counters.size(); ++zone) {
            rig.add_energy(uj, zone);
        }
    }

    Rig rig;
    ConsumerPtr a = consumer("a");
    ConsumerPtr b = consumer("b");
};

// Kepler added all sockets up before the split; Scaphandre and PowerJoular put all energy on socket
// 0. A VM that is pinned to socket 1 paid for its neighbour on socket 0.
TEST_F(MeterOfTwoSockets, SplitsPackageAndMemoryOfASocketByTheTimeThatWasSpentThere) {
    add_to_all(1'000'000);
    rig.use_on_sockets({{a, {1s, 0s}}, {b, {1s, 2s}}}, {2s, 2s});
    const auto snapshot = rig.tick();
    const Numbers& of_a = snapshot->consumers[0].total_uj;
    const Numbers& of_b = snapshot->consumers[1].total_uj;
    EXPECT_EQ(of_a[kPackage0], 500'000U);
    EXPECT_EQ(of_a[kDram0], 500'000U);
    EXPECT_EQ(of_a[kPackage1], 0U) << "it was never there";
    EXPECT_EQ(of_a[kDram1], 0U);
    EXPECT_EQ(of_b[kPackage0], 500'000U);
    EXPECT_EQ(of_b[kPackage1], 1'000'000U);
    EXPECT_EQ(of_b[kDram1], 1'000'000U);
    EXPECT_EQ(of_a[kPsys], 250'000U) << "the platform is one: 1 s of 4 s";
    EXPECT_EQ(of_b[kPsys], 750'000U);
    EXPECT_DOUBLE_EQ(*snapshot->consumers[1].cpu_usage, 3.0);
    expect_conservation(*snapshot);
}

TEST_F(MeterOfTwoSockets, ChargesOthersWorkOnTheSocketWhereItWasDone) {
    add_to_all(1'000'000);
    rig.use_on_sockets({{a, {1s, 1s}}, {b, {0s, 0s}}}, {1s, 4s});
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[kPackage0].other_uj, 0U);
    EXPECT_EQ(snapshot->zones[kPackage1].other_uj, 750'000U);
    EXPECT_EQ(snapshot->zones[kPsys].other_uj, 600'000U);
    expect_conservation(*snapshot);
}

TEST_F(MeterOfTwoSockets, ChargesASocketWhereNothingRanToIdle) {
    add_to_all(1'000'000);
    rig.use_on_sockets({{a, {1s, 0s}}, {b, {0s, 0s}}}, {1s, 0s});
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[kPackage0].idle_uj, 0U);
    EXPECT_EQ(snapshot->zones[kPackage1].idle_uj, 1'000'000U);
    EXPECT_EQ(snapshot->consumers[0].total_uj[kPackage1], 0U);
    expect_conservation(*snapshot);
}

// psys contains the packages; core and uncore are in them. Added up, a joule counts twice.
TEST_F(MeterOfTwoSockets, CountsNoJouleTwiceInAPowerOrATotal) {
    rig.energy.counters.push_back({{"intel-rapl:0:1", "core", ZoneKind::core, 0, kRange}, 5});
    rig.tick();
    add_to_all(1'000'000);
    rig.use_on_sockets({{a, {1s, 1s}}, {b, {0s, 0s}}}, {1s, 1s});
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->energy_uj(), 4'000'000U);
    EXPECT_EQ(snapshot->power_uw(), 4'000'000U);
    EXPECT_EQ(snapshot->consumers[0].power_uw, 4'000'000U);
    EXPECT_EQ(snapshot->consumers[0].energy_uj(snapshot->zones), 4'000'000U);
}

// AMD's core counters disagree between the kernel's interfaces on some EPYC models; Alumet checks
// and refuses. Here they come from one interface, are inside the package and are added to nothing:
// a wrong one is wrong where it stands, and nowhere else.
TEST_F(MeterOfTwoSockets, LetsAWrongCoreCounterSpoilNothingButItself) {
    rig.energy.counters.push_back({{"intel-rapl:0:1", "core", ZoneKind::core, 0, kRange}, 5});
    rig.tick();
    add_to_all(1'000'000);
    rig.add_energy(64'000'000, 5); // far more than the package that it is in
    rig.use_on_sockets({{a, {1s, 0s}}, {b, {3s, 0s}}}, {4s, 0s});
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->consumers[0].total_uj[kPackage0], 250'000U);
    EXPECT_EQ(snapshot->consumers[0].energy_uj(snapshot->zones), 500'000U);
    EXPECT_EQ(snapshot->energy_uj(), 4'000'000U);
    EXPECT_EQ(snapshot->power_uw(), 4'000'000U);
    expect_conservation(*snapshot);
}

// A package that the topology does not know, as where a socket came after the agent.
TEST_F(MeterOfTwoSockets, SplitsAnUnknownPackageByAllThatRan) {
    rig.energy.counters.push_back({{"intel-rapl:5", "package-5", ZoneKind::package, 5, kRange}, 5});
    rig.tick();
    rig.add_energy(1'000'000, 5);
    rig.use_on_sockets({{a, {1s, 0s}}, {b, {0s, 3s}}}, {1s, 3s});
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->consumers[0].total_uj[5], 250'000U);
    EXPECT_EQ(snapshot->consumers[1].total_uj[5], 750'000U);
}

// A guest sees the zones of both sockets of its host, and its own kernel's idea of sockets is none.
TEST(MeterOfAGuest, SplitsEverySocketOfTheHostByAllOfItsTime) {
    Rig rig(Residual::other);
    rig.energy.counters = {{{"intel-rapl:0", "package-0", ZoneKind::package, 0, kRange}, 5},
                           {{"intel-rapl:1", "package-1", ZoneKind::package, 1, kRange}, 5}};
    const auto a = consumer("a");
    const auto b = consumer("b");
    rig.use({{a, 0s}, {b, 0s}}, 0s);
    rig.tick();
    rig.add_energy(1'000'000, 0);
    rig.add_energy(2'000'000, 1);
    rig.use({{a, 1s}, {b, 3s}}, 4s);
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->consumers[0].total_uj, (Numbers{250'000, 500'000}));
    EXPECT_EQ(snapshot->consumers[1].total_uj, (Numbers{750'000, 1'500'000}));
    expect_conservation(*snapshot);
}

// What a VM's threads had of its energy: of the zones that lie side by side, and all of it.
TEST_F(MeterOfTwoSockets, SettlesComponentsWhenTheirTimesAreKnown) {
    const auto times = [](std::chrono::nanoseconds first, std::chrono::nanoseconds second) {
        auto made = std::make_shared<ComponentTimes>();
        (*made)[0] = first;
        (*made)[1] = second;
        return made;
    };
    rig.source.next.consumers[0].components = times(0s, 0s);
    rig.tick();
    add_to_all(1'000'000);
    rig.use_on_sockets({{a, {1s, 1s}}, {b, {0s, 0s}}}, {1s, 1s});
    const auto waiting = rig.tick();
    ASSERT_TRUE(waiting->consumers[0].components);
    EXPECT_EQ(waiting->consumers[0].components->total_uj()[0], 0U);
    EXPECT_FALSE(waiting->consumers[1].components) << "nobody looked at its threads";
    add_to_all(1'000'000);
    rig.use_on_sockets({{a, {2s, 2s}}, {b, {0s, 0s}}}, {2s, 2s});
    rig.source.next.consumers[0].components = times(3s, 1s);
    const auto settled = rig.tick();
    EXPECT_EQ(settled->consumers[0].components->total_uj()[0], 6'000'000U);
    EXPECT_EQ(settled->consumers[0].components->total_uj()[1], 2'000'000U);
    EXPECT_EQ(settled->consumers[0].energy_uj(settled->zones), 8'000'000U);
}

class MeterByMemory : public MeterOfTwoSockets {
protected:
    MeterByMemory() {
        rig.meter =
            Meter({"abc", 1s, 1h, {Policy::active, {}, DramBy::memory}}, Ledger(Residual::idle));
        begin();
    }
    void show_memory() {
        rig.source.next.consumers[0].resident = {300, 0};
        rig.source.next.consumers[1].resident = {100, 500};
        rig.source.next.used_memory = {1'000, 1'000};
    }
};

TEST_F(MeterByMemory, SplitsMemorysEnergyByWhatIsResidentOnItsNodes) {
    add_to_all(1'000'000);
    rig.use_on_sockets({{a, {1s, 1s}}, {b, {0s, 0s}}}, {1s, 1s});
    show_memory();
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->consumers[0].total_uj[kDram0], 300'000U);
    EXPECT_EQ(snapshot->consumers[1].total_uj[kDram0], 100'000U)
        << "it did not run, but it is there";
    EXPECT_EQ(snapshot->zones[kDram0].other_uj, 600'000U);
    EXPECT_EQ(snapshot->consumers[1].total_uj[kDram1], 500'000U);
    EXPECT_EQ(snapshot->consumers[0].total_uj[kPackage0], 1'000'000U) << "packages go by time";
    EXPECT_EQ(snapshot->consumers[1].total_uj[kPackage0], 0U);
    expect_conservation(*snapshot);
}

TEST_F(MeterByMemory, SplitsByTimeWhereMemoryIsNotKnown) {
    add_to_all(1'000'000);
    rig.use_on_sockets({{a, {1s, 1s}}, {b, {0s, 0s}}}, {1s, 1s});
    rig.source.next.used_memory.clear();
    EXPECT_EQ(rig.tick()->consumers[0].total_uj[kDram0], 1'000'000U);
}

// Memory that is in use draws power while nothing runs.
TEST_F(MeterByMemory, ChargesMemoryWhileNothingRuns) {
    add_to_all(1'000'000);
    show_memory();
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[kPackage0].idle_uj, 1'000'000U);
    EXPECT_EQ(snapshot->zones[kDram0].idle_uj, 0U);
    EXPECT_EQ(snapshot->consumers[0].total_uj[kDram0], 300'000U);
}

// The last VM went, and the host's own memory is still there.
TEST_F(MeterByMemory, ChargesOthersMemoryWhereThereIsNoVm) {
    add_to_all(1'000'000);
    rig.use_on_sockets({}, {0s, 0s});
    rig.source.next.used_memory = {1'000, 1'000};
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[kDram0].other_uj, 1'000'000U);
    EXPECT_EQ(snapshot->zones[kDram0].idle_uj, 0U);
}

} // namespace
} // namespace wattvisor
