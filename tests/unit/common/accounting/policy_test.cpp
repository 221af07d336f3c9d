// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/policy.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using Weights = std::vector<std::uint64_t>;

const Weights kUsed{300, 100};
const Weights kVcpus{1, 3};
const Weights kNobody{};

// 100 of 1,000 were others', and 500 nobody's.
ZoneUse half_busy() {
    return {kUsed, 100, 1'000, kVcpus};
}

// Share of capacity where users expect share of activity: idle power was nobody's, and the sum fell
// far short (Scaphandre #378, #436). The default has no idle part.
TEST(Policy, ActiveDividesAllOfTheEnergyByWhatRan) {
    const auto parts = divide(Policy::active, 5'000, 2'000, half_busy());
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_EQ(parts[0].energy_uj, 5'000U);
    EXPECT_EQ(parts[0].weights, &kUsed);
    EXPECT_EQ(parts[0].other, 100U);
    EXPECT_EQ(parts[0].idle, 0U);
}

TEST(Policy, CapacityLeavesToIdleWhatNobodyUsed) {
    const auto parts = divide(Policy::capacity, 5'000, 2'000, half_busy());
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_EQ(parts[0].energy_uj, 5'000U);
    EXPECT_EQ(parts[0].weights, &kUsed);
    EXPECT_EQ(parts[0].other, 100U);
    EXPECT_EQ(parts[0].idle, 500U);
}

TEST(Policy, CapacityHasNoIdlePartOnAMachineThatIsFull) {
    for (const std::uint64_t capacity : {500U, 499U, 0U}) { // 0: not known
        const auto parts = divide(Policy::capacity, 5'000, 0, {kUsed, 100, capacity, kVcpus});
        ASSERT_EQ(parts.size(), 1U);
        EXPECT_EQ(parts[0].idle, 0U) << capacity;
    }
    EXPECT_EQ(divide(Policy::capacity, 5'000, 0, {kUsed, 100, 501, kVcpus})[0].idle, 1U);
}

TEST(Policy, StaticDividesAFloorByVcpusAndTheRestByWhatRan) {
    const auto parts = divide(Policy::static_floor, 5'000, 2'000, half_busy());
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[0].energy_uj, 2'000U);
    EXPECT_EQ(parts[0].weights, &kVcpus);
    EXPECT_EQ(parts[0].other, 0U) << "the host has no vCPUs";
    EXPECT_EQ(parts[0].idle, 0U);
    EXPECT_EQ(parts[1].energy_uj, 3'000U);
    EXPECT_EQ(parts[1].weights, &kUsed);
    EXPECT_EQ(parts[1].other, 100U);
    EXPECT_EQ(parts[1].idle, 0U);
}

// A floor that was given too high, or a tick that used less than the power that was seen before.
TEST(Policy, StaticNeverDividesMoreThanThereIs) {
    for (const std::uint64_t floor : {std::uint64_t{5'000}, std::uint64_t{5'001}, UINT64_MAX}) {
        const auto parts = divide(Policy::static_floor, 5'000, floor, half_busy());
        ASSERT_EQ(parts.size(), 2U);
        EXPECT_EQ(parts[0].energy_uj, 5'000U);
        EXPECT_EQ(parts[1].energy_uj, 0U);
    }
}

TEST(Policy, StaticWithoutAFloorIsActive) {
    const auto parts = divide(Policy::static_floor, 5'000, 0, half_busy());
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[0].energy_uj, 0U);
    EXPECT_EQ(parts[1].energy_uj, 5'000U);
}

TEST(Policy, KnowsNobodyWhereNobodyIs) {
    const auto parts = divide(Policy::capacity, 7, 0, {kNobody, 0, 40, kNobody});
    EXPECT_EQ(parts[0].idle, 40U);
    EXPECT_TRUE(parts[0].weights->empty());
}

TEST(EnergyOf, IsPowerTimesTime) {
    EXPECT_EQ(energy_of(20'000'000, 1s), 20'000'000U);
    EXPECT_EQ(energy_of(20'000'000, 100ms), 2'000'000U);
    EXPECT_EQ(energy_of(3, 999'999'999ns), 2U) << "whole microjoules";
    EXPECT_EQ(energy_of(1, 1s), 1U);
    EXPECT_EQ(energy_of(0, 1h), 0U);
}

TEST(EnergyOf, IsNothingWhereNoTimePassed) {
    EXPECT_EQ(energy_of(20'000'000, 0s), 0U);
    EXPECT_EQ(energy_of(20'000'000, -1s), 0U);
}

// A kilowatt over a day in microwatts and nanoseconds needs 77 bits.
TEST(EnergyOf, HoldsOverADay) {
    EXPECT_EQ(energy_of(1'000'000'000, 24h), 86'400'000'000'000U);
}

} // namespace
} // namespace wattvisor
