// SPDX-License-Identifier: Apache-2.0
#include "common/usage/clocked_time.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const MissedSlices kNone{0, 0};

// A VM ran for 700 ms without a pause, the switch at its end was not shown, and none of it counted.
TEST(ClockedTime, HasWhatTheCountMissed) {
    ClockedTime time(2, 5s);
    EXPECT_THAT(time.update({100ms, 0ms}, {1, 0}, 5800ms), ElementsAre(800ms, 0ms));
    EXPECT_THAT(time.update({200ms, 0ms}, {1, 0}, 5900ms), ElementsAre(900ms, 0ms));
}

TEST(ClockedTime, PutsItWhereItWasMissed) {
    ClockedTime time(2, 0s);
    EXPECT_THAT(time.update({100ms, 300ms}, {0, 1}, 700ms), ElementsAre(100ms, 600ms));
    EXPECT_THAT(time.update({150ms, 300ms}, {0, 2}, 800ms), ElementsAre(150ms, 650ms));
    EXPECT_THAT(time.update({150ms, 300ms}, {1, 3}, 900ms), ElementsAre(200ms, 700ms));
    EXPECT_THAT(time.update({150ms, 340ms}, {1, 3}, 980ms), ElementsAre(200ms, 780ms))
        << "it is not known where: as what was counted";
}

// A process that seemed to run and did not: what was told of it cannot be taken back.
TEST(ClockedTime, NeverGoesBackAndWaitsForTheClock) {
    ClockedTime time(2, 0s);
    EXPECT_THAT(time.update({500ms, 0ms}, {1, 0}, 300ms), ElementsAre(500ms, 0ms));
    EXPECT_THAT(time.update({500ms, 0ms}, {1, 0}, 450ms), ElementsAre(500ms, 0ms));
    EXPECT_THAT(time.update({600ms, 0ms}, {1, 0}, 490ms), ElementsAre(500ms, 0ms));
    EXPECT_THAT(time.update({700ms, 0ms}, {1, 0}, 650ms), ElementsAre(650ms, 0ms));
}

TEST(ClockedTime, EndsWithWhatWasCountedSince) {
    ClockedTime time(2, 0s);
    EXPECT_THAT(time.update({100ms, 0ms}, {1, 0}, 400ms), ElementsAre(400ms, 0ms));
    EXPECT_THAT(time.update({100ms, 50ms}, {1, 0}, std::nullopt), ElementsAre(400ms, 50ms));
    EXPECT_THAT(time.update({100ms, 50ms}, {1, 0}, std::nullopt), ElementsAre(400ms, 50ms));
}

TEST(ClockedTime, TakesAClockBelowWhereItBeganForNone) {
    ClockedTime time(2, 5s);
    EXPECT_THAT(time.update({100ms, 0ms}, kNone, 4s), ElementsAre(100ms, 0ms));
}

} // namespace
} // namespace wattvisor
