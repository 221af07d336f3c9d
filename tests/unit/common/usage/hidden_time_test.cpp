// SPDX-License-Identifier: Apache-2.0
#include "common/usage/hidden_time.hpp"

#include <gtest/gtest.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;

constexpr auto kError = 30ms;

TEST(HiddenTime, IsNotSeenWithinTheErrorOfTheCoarseCount) {
    HiddenTime time(1);
    time.update({100ms}, 130ms, kError);
    EXPECT_EQ(time.all(), SocketTimes{100ms});
    time.update({200ms}, 170ms, kError);
    EXPECT_EQ(time.all(), SocketTimes{200ms});
}

TEST(HiddenTime, LacksTheErrorOnceHoweverLongItGoesOn) {
    HiddenTime time(1);
    for (int second = 1; second <= 100; ++second) {
        // Of each second 40 ms are hidden, and the coarse count is cut to 10 ms.
        time.update({second * 460ms}, second * 500ms / 10ms * 10ms, kError);
    }
    EXPECT_EQ(time.all(), SocketTimes{50s - 30ms});
}

TEST(HiddenTime, DoesNotGoBackWithTheCoarseCount) {
    HiddenTime time(1);
    time.update({100ms}, 180ms, kError);
    EXPECT_EQ(time.all(), SocketTimes{150ms});
    time.update({110ms}, 150ms, kError);
    EXPECT_EQ(time.all(), SocketTimes{160ms});
}

TEST(HiddenTime, IsSpreadOverTheSocketsThatWorked) {
    HiddenTime time(2);
    time.update({300ms, 100ms}, 470ms, kError);
    EXPECT_EQ(time.all(), (SocketTimes{330ms, 110ms}));
    time.update({300ms, 200ms}, 580ms, kError);
    EXPECT_EQ(time.all(), (SocketTimes{330ms, 220ms})) << "only the second worked since";
}

} // namespace
} // namespace wattvisor
