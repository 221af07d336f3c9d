// SPDX-License-Identifier: Apache-2.0
#include "common/energy/counter.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace wattvisor {

// How GoogleTest shows a step that was not expected.
// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest looks for this name
static void PrintTo(const CounterDelta& delta, std::ostream* out) {
    constexpr const char* kNames[] = {"first", "advanced", "wrapped", "reset", "jumped"};
    *out << kNames[static_cast<int>(delta.step)] << " by " << delta.energy_uj;
}

namespace {

using enum CounterStep;

CounterDelta step(CounterStep kind, std::uint64_t energy_uj) {
    return {kind, energy_uj};
}

// Kepler charged the first sample with everything since boot.
TEST(CounterDelta, OfTheFirstReadingIsNothing) {
    EXPECT_EQ(counter_delta(std::nullopt, 0, 1000), step(first, 0));
    EXPECT_EQ(counter_delta(std::nullopt, 262'143'328'850, 262'143'328'850), step(first, 0));
    EXPECT_EQ(counter_delta(std::nullopt, UINT64_MAX, 0), step(first, 0));
}

TEST(CounterDelta, OfAnAdvanceIsTheDifference) {
    EXPECT_EQ(counter_delta(10, 25, 1000), step(advanced, 15));
    EXPECT_EQ(counter_delta(0, 1, 1000), step(advanced, 1));
    EXPECT_EQ(counter_delta(0, 1000, 1000), step(advanced, 1000));
}

TEST(CounterDelta, OfACounterThatStandsStillIsNothingButNoReset) {
    EXPECT_EQ(counter_delta(10, 10, 1000), step(advanced, 0));
    EXPECT_EQ(counter_delta(0, 0, 0), step(advanced, 0));
    EXPECT_EQ(counter_delta(1000, 1000, 1000), step(advanced, 0));
}

// Scaphandre dropped the sample (#280), Kepler was one short, EnergAt charged the whole range.
TEST(CounterDelta, CountsTheStepFromTheLargestValueToZero) {
    EXPECT_EQ(counter_delta(1000, 0, 1000), step(wrapped, 1));
    EXPECT_EQ(counter_delta(999, 0, 1000), step(wrapped, 2));
    EXPECT_EQ(counter_delta(1000, 1, 1000), step(wrapped, 2));
    EXPECT_EQ(counter_delta(990, 9, 1000), step(wrapped, 20));
}

TEST(CounterDelta, IsAWrapUpToHalfOfTheRangeAndAResetBeyond) {
    EXPECT_EQ(counter_delta(900, 399, 1000), step(wrapped, 500));
    EXPECT_EQ(counter_delta(900, 400, 1000), step(reset, 0));
    EXPECT_EQ(counter_delta(501, 0, 1000), step(wrapped, 500));
    EXPECT_EQ(counter_delta(500, 0, 1000), step(reset, 0));
    // An odd range: half of 1001 is 500, since 501 would be more than half.
    EXPECT_EQ(counter_delta(901, 399, 1001), step(wrapped, 500));
    EXPECT_EQ(counter_delta(901, 400, 1001), step(reset, 0));
}

TEST(CounterDelta, AgreesWithTheRuleForEveryStepOfSmallRanges) {
    for (std::uint64_t range = 1; range <= 13; ++range) {
        for (std::uint64_t previous = 0; previous <= range; ++previous) {
            for (std::uint64_t current = 0; current < previous; ++current) {
                const std::uint64_t implied = range + 1 - previous + current;
                const auto expected =
                    2 * implied <= range ? step(wrapped, implied) : step(reset, 0);
                EXPECT_EQ(counter_delta(previous, current, range), expected)
                    << previous << " to " << current << " of " << range;
            }
        }
    }
}

TEST(CounterDelta, OfASmallStepBackIsAReset) {
    EXPECT_EQ(counter_delta(500'000, 499'999, 262'143'328'850), step(reset, 0));
}

TEST(CounterDelta, NeverWrapsWhereTheRangeIsUnknown) {
    EXPECT_EQ(counter_delta(262'143'328'850, 5, 0), step(reset, 0));
    EXPECT_EQ(counter_delta(1, 0, 0), step(reset, 0));
}

TEST(CounterDelta, NeverWrapsWhereTheLastReadingWasAboveTheRange) {
    EXPECT_EQ(counter_delta(1001, 0, 1000), step(reset, 0));
    EXPECT_EQ(counter_delta(UINT64_MAX, 0, 1000), step(reset, 0));
}

TEST(CounterDelta, StaysRightAtTheEndOf64Bits) {
    EXPECT_EQ(counter_delta(0, UINT64_MAX, UINT64_MAX), step(advanced, UINT64_MAX));
    EXPECT_EQ(counter_delta(UINT64_MAX, 0, UINT64_MAX), step(wrapped, 1));
    EXPECT_EQ(counter_delta(UINT64_MAX, UINT64_MAX - 1, UINT64_MAX), step(reset, 0));
    EXPECT_EQ(counter_delta(UINT64_MAX - 1, UINT64_MAX / 2 - 2, UINT64_MAX),
              step(wrapped, UINT64_MAX / 2));
    EXPECT_EQ(counter_delta(UINT64_MAX - 1, UINT64_MAX / 2 - 1, UINT64_MAX), step(reset, 0));
}

// Scaphandre's users saw 53 and 54 kW (#147, #441): a step that nothing could have used.
TEST(CounterDelta, IsAJumpBeyondWhatAZoneCanUse) {
    EXPECT_EQ(counter_delta(10, 110, 1000, 100), step(advanced, 100));
    EXPECT_EQ(counter_delta(10, 111, 1000, 100), step(jumped, 0));
    EXPECT_EQ(counter_delta(0, UINT64_MAX, UINT64_MAX, UINT64_MAX - 1), step(jumped, 0));
}

// A reset just above half of the range looks like a wrap; the time that passed tells.
TEST(CounterDelta, IsNoWrapBeyondWhatAZoneCanUse) {
    EXPECT_EQ(counter_delta(990, 9, 1000, 20), step(wrapped, 20));
    EXPECT_EQ(counter_delta(990, 9, 1000, 19), step(reset, 0));
    EXPECT_EQ(counter_delta(700, 5, 1000, 100), step(reset, 0));
    EXPECT_EQ(counter_delta(700, 5, 1000), step(wrapped, 306));
}

TEST(CounterDelta, FollowsACounterThatWrapsAtEveryReading) {
    constexpr std::uint64_t kRange = 999;
    std::uint64_t truth = 990;
    std::uint64_t counted = 990;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t before = truth % (kRange + 1);
        truth += 499; // the most that is a wrap
        const auto delta = counter_delta(before, truth % (kRange + 1), kRange);
        counted += delta.energy_uj;
    }
    EXPECT_EQ(counted, truth);
}

TEST(MostEnergy, IsTenKilowattsAndASecondMore) {
    using namespace std::chrono_literals;
    EXPECT_EQ(most_energy_uj(0ns), 10'000'000'000U);
    EXPECT_EQ(most_energy_uj(1s), 20'000'000'000U);
    EXPECT_EQ(most_energy_uj(-5s), 10'000'000'000U);
    EXPECT_EQ(most_energy_uj(std::chrono::nanoseconds::max()), 10'000'000'000U * (86'400 + 1));
}

} // namespace
} // namespace wattvisor
