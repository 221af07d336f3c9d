// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/zone_floor.hpp"

#include <gtest/gtest.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;

TEST(FloorWatch, KnowsThePowerOfTenSeconds) {
    FloorWatch watch;
    for (int i = 0; i < 9; ++i) {
        EXPECT_EQ(watch.add(2'000'000, 1s), std::nullopt);
    }
    EXPECT_EQ(watch.add(4'000'000, 1s), 2'200'000U) << "22 J in 10 s";
}

TEST(FloorWatch, BeginsAnewAfterEachWindow) {
    FloorWatch watch;
    EXPECT_EQ(watch.add(100'000'000, 10s), 10'000'000U);
    EXPECT_EQ(watch.add(10'000'000, 5s), std::nullopt);
    EXPECT_EQ(watch.add(10'000'000, 5s), 2'000'000U) << "nothing of the first window";
}

TEST(FloorWatch, DividesByTheTimeThatTheWindowReallyHad) {
    FloorWatch watch;
    EXPECT_EQ(watch.add(1'000'000, 9'999ms), std::nullopt);
    EXPECT_EQ(watch.add(24'000'000, 2'501ms), 2'000'000U) << "25 J in 12.5 s";
}

TEST(FloorWatch, DoesNotReachOverAGap) {
    FloorWatch watch;
    EXPECT_EQ(watch.add(90'000'000, 9s), std::nullopt);
    watch.interrupt();
    EXPECT_EQ(watch.add(1'000'000, 1s), std::nullopt);
    EXPECT_EQ(watch.add(9'000'000, 9s), 1'000'000U);
}

} // namespace
} // namespace wattvisor
