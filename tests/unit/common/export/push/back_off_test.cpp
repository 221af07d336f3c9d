// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/back_off.hpp"

#include <gtest/gtest.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;

TEST(BackOff, DoublesUpToTheLongest) {
    const BackOff pause{500ms, 30s};
    EXPECT_EQ(pause.pause(1, 1), 500ms);
    EXPECT_EQ(pause.pause(2, 1), 1s);
    EXPECT_EQ(pause.pause(6, 1), 16s);
    EXPECT_EQ(pause.pause(7, 1), 30s);
    EXPECT_EQ(pause.pause(1'000'000, 1), 30s);
}

TEST(BackOff, IsUpToHalfShorterByChance) {
    const BackOff pause{500ms, 30s};
    EXPECT_EQ(pause.pause(2, 0), 500ms);
    EXPECT_EQ(pause.pause(2, 0.5), 750ms);
    EXPECT_EQ(pause.pause(100, 0), 15s);
}

} // namespace
} // namespace wattvisor
