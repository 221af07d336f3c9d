// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/ideal_meter.hpp"
#include "tests/simulated-host/load_pattern.hpp"
#include "tests/simulated-host/simulated_host.hpp"

#include <gmock/gmock.h>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;

// `first` runs for 0.4 s, then nobody for 0.6 s.
Scenario one_burst() {
    Scenario scenario;
    VmSpec vm;
    vm.name = "first";
    vm.load = steady(kWhole);
    vm.load.phases[0].until = 400ms;
    scenario.vms = {vm};
    return scenario;
}

// Looking at an instant and looking once a second are two things: this is why there are two truths.
TEST(IdealMeter, ChargesTheWholeTickToWhoRanInIt) {
    SimulatedHost host(one_burst());
    IdealMeter ideal(IdealMeter::Consumers::vms);
    ideal.look(host.truth());
    host.advance(1s);
    const HostTruth truth = host.truth();
    ideal.look(truth);
    EXPECT_EQ(truth.vm("first")->energy[0].uj(), 12'000'000U); // 30 W for 0.4 s
    EXPECT_EQ(truth.idle.energy[0].uj(), 12'000'000U);
    EXPECT_EQ(ideal.energy(truth.vms[0].key, 0).uj(), 24'000'000U);
    EXPECT_EQ(ideal.energy("idle", 0).uj(), 0U);
    host.advance(1s);
    ideal.look(host.truth());
    EXPECT_EQ(ideal.energy("idle", 0).uj(), 20'000'000U);
    EXPECT_EQ(ideal.total(0), host.truth().zones[0].total);
}

// First sample charged with everything since boot (Kepler).
TEST(IdealMeter, ChargesNothingAtItsFirstLook) {
    SimulatedHost host(one_burst());
    host.advance(300ms);
    IdealMeter ideal(IdealMeter::Consumers::vms);
    ideal.look(host.truth());
    EXPECT_TRUE(ideal.keys().empty());
    EXPECT_EQ(ideal.total(0).uj(), 0U);
}

TEST(IdealMeter, TakesProcessesAsConsumersToo) {
    SimulatedHost host(one_burst());
    IdealMeter ideal(IdealMeter::Consumers::processes);
    ideal.look(host.truth());
    host.advance(1s);
    ideal.look(host.truth());
    const pid_t pid = host.population().vms()[0].pid;
    EXPECT_EQ(ideal.energy(host.population().processes().at(pid).key(), 0).uj(), 24'000'000U);
}

TEST(ExactSplit, GivesAwayAllAndNoMore) {
    ExactSplit split(Energy(100), 7);
    Energy sum;
    for (const std::uint64_t weight : {1U, 2U, 0U, 4U}) {
        sum += split.take(weight);
    }
    EXPECT_EQ(sum.rest_fj(), 100U);
}

TEST(LevelAt, FollowsThePatterns) {
    Load load;
    load.phases = {{LoadPattern::ramp, kWhole, 0, 0, 1s, 0s, 10s},
                   {LoadPattern::steady, 300'000, 0, 0, 1s, 10s, 20s}};
    EXPECT_EQ(level_at(load, 0s, 1), 0U);
    EXPECT_EQ(level_at(load, 5s, 1), 500'000U);
    EXPECT_EQ(level_at(load, 10s, 1), 300'000U);
    EXPECT_EQ(level_at(load, 20s, 1), 0U);
    Load bursty;
    bursty.phases = {{LoadPattern::bursty, kWhole, 100'000, 250'000, 1s, 0s, kForEver}};
    int high = 0;
    for (int i = 0; i < 1000; ++i) {
        high += level_at(bursty, i * 1ms, 7) == kWhole ? 1 : 0;
    }
    EXPECT_EQ(high, 250);
}

TEST(LevelAt, DrawsAtRandomButAlwaysTheSame) {
    Load load;
    load.phases = {{LoadPattern::random, 800'000, 200'000, 0, 1s, 0s, kForEver}};
    double sum = 0;
    for (int i = 0; i < 1000; ++i) {
        const Millionths level = level_at(load, i * 1s, 1);
        EXPECT_EQ(level, level_at(load, i * 1s + 999ms, 1));
        EXPECT_GE(level, 200'000U);
        EXPECT_LE(level, 800'000U);
        sum += level;
    }
    EXPECT_NEAR(sum / 1000, 500'000, 20'000);
    EXPECT_NE(level_at(load, 0s, 1), level_at(load, 0s, 2));
}

} // namespace
} // namespace wattvisor::simulated
