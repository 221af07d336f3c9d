// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/component_energy.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;

std::uint64_t sum(const ComponentEnergy& energy) {
    return std::accumulate(energy.total_uj().begin(), energy.total_uj().end(), std::uint64_t{0});
}

ComponentTimes times(std::chrono::nanoseconds first, std::chrono::nanoseconds second) {
    ComponentTimes made{};
    made[0] = first;
    made[1] = second;
    return made;
}

TEST(ComponentEnergy, IsSplitByTheTimeOfEach) {
    ComponentEnergy energy;
    energy.add(1'000);
    energy.settle(times(3s, 1s));
    EXPECT_EQ(energy.total_uj()[0], 750U);
    EXPECT_EQ(energy.total_uj()[1], 250U);
    EXPECT_EQ(energy.cpu_time()[0], 3s);
    energy.add(1'000);
    energy.settle(times(4s, 2s));
    EXPECT_EQ(energy.total_uj()[0], 1'250U) << "a second each since the look before";
    EXPECT_EQ(energy.total_uj()[1], 750U);
    EXPECT_EQ(energy.cpu_time()[1], 2s);
}

TEST(ComponentEnergy, WaitsForTheNextLookAndIsThenAllThere) {
    ComponentEnergy energy;
    energy.add(30);
    energy.add(70);
    EXPECT_EQ(sum(energy), 0U);
    energy.settle(times(1s, 1s));
    EXPECT_EQ(sum(energy), 100U);
    energy.settle(times(2s, 1s));
    EXPECT_EQ(sum(energy), 100U) << "it is given away once";
}

TEST(ComponentEnergy, WaitsWhereNothingRan) {
    ComponentEnergy energy;
    energy.settle(times(1s, 1s));
    energy.add(100);
    energy.settle(times(1s, 1s));
    EXPECT_EQ(sum(energy), 0U);
    energy.settle(times(1s, 3s));
    EXPECT_EQ(energy.total_uj()[1], 100U);
}

// Microjoules cut off on every look would never come back.
TEST(ComponentEnergy, CarriesWhatRoundingTook) {
    ComponentEnergy energy;
    for (int look = 1; look <= 300; ++look) {
        energy.add(1);
        energy.settle(times(look * 1s, look * 2s));
    }
    EXPECT_EQ(energy.total_uj()[0], 100U);
    EXPECT_EQ(energy.total_uj()[1], 200U);
}

// A VM that was started anew: its threads are others, and their clocks begin at 0.
TEST(ComponentEnergy, CountsTimesThatWentBackFromZero) {
    ComponentEnergy energy;
    energy.settle(times(10s, 10s));
    energy.add(300);
    energy.settle(times(2s, 1s));
    EXPECT_EQ(energy.total_uj()[0], 200U);
    EXPECT_EQ(energy.total_uj()[1], 100U);
    EXPECT_EQ(energy.cpu_time()[0], 12s) << "never goes back";
    EXPECT_EQ(energy.cpu_time()[1], 11s);
}

} // namespace
} // namespace wattvisor
