// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/energy_model.hpp"

#include <gtest/gtest.h>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;

TEST(EnergyMeter, CarriesTheRest) {
    EnergyMeter meter;
    for (int i = 0; i < 3'000; ++i) {
        meter.add(1, 333'333ns); // 0.000333 µJ each, nearly 1 µJ in all
    }
    EXPECT_EQ(meter.total_uj(), 0U);
    meter.add(1, 1'000ns);
    EXPECT_EQ(meter.total_uj(), 1U);
}

TEST(EnergyMeter, UnevenStepsAreAsExactAsOneStep) {
    EnergyMeter steps;
    for (int i = 0; i < 7; ++i) {
        steps.add(123'456'789, 142'857'143ns);
    }
    EnergyMeter once;
    once.add(123'456'789, 7 * 142'857'143ns);
    EXPECT_EQ(steps.total_uj(), once.total_uj());
}

TEST(EnergyMeter, DoesNotOverflowInAYearOfTenKilowatts) {
    EnergyMeter meter;
    meter.add(10'000'000'000, 24h * 365 + 1ns);
    EXPECT_EQ(meter.total_uj(), 315'360'000'000'000'000U + 10U);
}

TEST(EnergyMeter, NoTimeIsNoEnergy) {
    EnergyMeter meter;
    meter.add(1'000'000, 0ns);
    meter.add(1'000'000, -5s);
    EXPECT_EQ(meter.total_uj(), 0U);
}

TEST(FractionOf, IsExactForLargeTotals) {
    EXPECT_EQ(fraction_of(7'000'001, 600'000), 4'200'000U);
    EXPECT_EQ(fraction_of(1'000'000'000'000'000'001U, 1'000'000), 1'000'000'000'000'000'001U);
    EXPECT_EQ(fraction_of(123, 0), 0U);
}

// A counter of range 9 has the ten values 0 to 9 (Kepler's delta was one short here).
TEST(ShowCounter, WrapsAfterTheRange) {
    EXPECT_EQ(show_counter(1, 8, 9), (CounterReading{9, 0}));
    EXPECT_EQ(show_counter(2, 8, 9), (CounterReading{0, 1}));
    EXPECT_EQ(show_counter(25, 8, 9), (CounterReading{3, 3}));
}

} // namespace
} // namespace wattvisor::simulated
