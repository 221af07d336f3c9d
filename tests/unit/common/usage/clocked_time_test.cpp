// SPDX-License-Identifier: Apache-2.0
#include "common/usage/clocked_time.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

SliceCount finished(SocketTimes times, MissedSlices missed = {1, 0}) {
    return {std::move(times), {0ns, 0ns}, std::move(missed)};
}

// A VM ran for 700 ms without a pause, the switch at its end was not shown, and none of it counted.
TEST(ClockedTime, HasWhatTheCountMissed) {
    ClockedTime time({100ms, 0ms}, 5s);
    EXPECT_THAT(time.update(finished({100ms, 0ms}), 5800ms), ElementsAre(800ms, 0ms));
    EXPECT_THAT(time.update(finished({200ms, 0ms}), 5900ms), ElementsAre(900ms, 0ms));
}

TEST(ClockedTime, PutsItWhereItWasMissed) {
    ClockedTime time({100ms, 300ms}, 0s);
    EXPECT_THAT(time.update(finished({100ms, 300ms}, {0, 1}), 700ms), ElementsAre(100ms, 600ms));
    EXPECT_THAT(time.update(finished({150ms, 300ms}, {0, 2}), 800ms), ElementsAre(150ms, 650ms));
    EXPECT_THAT(time.update(finished({150ms, 300ms}, {1, 3}), 900ms), ElementsAre(200ms, 700ms));
    EXPECT_THAT(time.update(finished({150ms, 340ms}, {1, 3}), 980ms), ElementsAre(200ms, 780ms))
        << "it is not known where: as what was counted";
}

TEST(ClockedTime, CountsASliceThatRunsOverSeveralLooksOnce) {
    ClockedTime time({0ms, 0ms}, 0s);
    EXPECT_THAT(time.update({{0ms, 0ms}, {0ms, 0ms}, {1, 0}}, 0ms), ElementsAre(0ms, 0ms));
    EXPECT_THAT(time.update({{0ms, 0ms}, {0ms, 60ms}, {1, 0}}, 60ms), ElementsAre(0ms, 60ms));
    EXPECT_THAT(time.update({{0ms, 0ms}, {0ms, 160ms}, {1, 0}}, 160ms), ElementsAre(0ms, 160ms));
    EXPECT_THAT(time.update({{5ms, 200ms}, {0ms, 10ms}, {1, 0}}, 215ms), ElementsAre(5ms, 210ms));
    EXPECT_THAT(time.update({{5ms, 230ms}, {0ms, 0ms}, {1, 0}}, 235ms), ElementsAre(5ms, 230ms));
}

// It had long gone to the other socket, and its switch away from here was not shown: a VM got all
// energy of a socket on which nothing ran.
TEST(ClockedTime, BelievesWhatIsOverBeforeWhatSeemsToRun) {
    ClockedTime time({0ms, 0ms}, 0s);
    EXPECT_THAT(time.update({{0ms, 0ms}, {0ms, 0ms}, {1, 0}}, 0ms), ElementsAre(0ms, 0ms));
    EXPECT_THAT(time.update({{30ms, 0ms}, {0ms, 100ms}, {1, 0}}, 30ms), ElementsAre(30ms, 0ms));
    EXPECT_THAT(time.update({{50ms, 0ms}, {0ms, 200ms}, {1, 0}}, 60ms), ElementsAre(50ms, 10ms));
    EXPECT_THAT(time.update({{80ms, 0ms}, {0ms, 0ms}, {1, 1}}, 90ms), ElementsAre(80ms, 10ms));
}

TEST(ClockedTime, PutsNothingTwiceWhereSomethingWasMissedAndAnotherSliceRuns) {
    ClockedTime time({0ms, 0ms}, 0s);
    EXPECT_THAT(time.update({{0ms, 0ms}, {0ms, 0ms}, {0, 0}}, 0ms), ElementsAre(0ms, 0ms));
    EXPECT_THAT(time.update({{0ms, 0ms}, {0ms, 40ms}, {1, 0}}, 40ms), ElementsAre(0ms, 40ms));
    EXPECT_THAT(time.update({{0ms, 0ms}, {0ms, 60ms}, {2, 0}}, 90ms), ElementsAre(30ms, 60ms));
}

// A process that seemed to run and did not: what was told of it cannot be taken back.
TEST(ClockedTime, NeverGoesBackAndWaitsForTheClock) {
    ClockedTime time({500ms, 0ms}, 0s);
    EXPECT_THAT(time.update(finished({0ms, 0ms}), 300ms), ElementsAre(500ms, 0ms));
    EXPECT_THAT(time.update(finished({200ms, 0ms}), 490ms), ElementsAre(500ms, 0ms));
    EXPECT_THAT(time.update(finished({400ms, 0ms}), 650ms), ElementsAre(650ms, 0ms));
}

TEST(ClockedTime, EndsWithWhatWasCountedSince) {
    ClockedTime time({100ms, 0ms}, 0s);
    EXPECT_THAT(time.update(finished({100ms, 0ms}), 400ms), ElementsAre(400ms, 0ms));
    EXPECT_THAT(time.update(finished({100ms, 50ms}), std::nullopt), ElementsAre(400ms, 50ms));
    EXPECT_THAT(time.update(finished({100ms, 50ms}), std::nullopt), ElementsAre(400ms, 50ms));
}

// With a clock read per VM and tick the exact source would cost as much as the other.
TEST(ClockedTime, NeedsTheClockWhereSomethingWasMissedOrSeemsToRun) {
    ClockedTime time({100ms, 0ms}, 0s);
    const SliceCount first{{100ms, 0ms}, {0ms, 0ms}, {1, 0}};
    EXPECT_TRUE(time.needs_clock(first));
    EXPECT_THAT(time.update(first, 150ms), ElementsAre(150ms, 0ms));
    EXPECT_FALSE(time.needs_clock(first));
    const SliceCount more{{140ms, 5ms}, {0ms, 0ms}, {1, 0}};
    EXPECT_FALSE(time.needs_clock(more));
    EXPECT_THAT(time.update(more, std::nullopt), ElementsAre(190ms, 5ms));
    EXPECT_TRUE(time.needs_clock({{140ms, 5ms}, {0ms, 0ms}, {1, 1}}));
    const SliceCount running{{140ms, 5ms}, {0ms, 1ms}, {1, 0}};
    EXPECT_TRUE(time.needs_clock(running));
    EXPECT_THAT(time.update(running, 196ms), ElementsAre(190ms, 6ms));
    EXPECT_TRUE(time.needs_clock(more)) << "what seemed to run may never have";
    EXPECT_THAT(time.update({{140ms, 20ms}, {0ms, 0ms}, {2, 0}}, 250ms), ElementsAre(230ms, 20ms))
        << "all that was missed since the clock was read";
}

TEST(ClockedTime, TakesAClockBelowWhereItBeganForNone) {
    ClockedTime time({100ms, 0ms}, 5s);
    EXPECT_THAT(time.update(finished({100ms, 0ms}), 4s), ElementsAre(100ms, 0ms));
}

} // namespace
} // namespace wattvisor
