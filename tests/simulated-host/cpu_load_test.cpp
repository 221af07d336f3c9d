// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/cpu_load.hpp"

#include <gmock/gmock.h>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Guest time is inside user time already; Scaphandre 0.4 and 0.5 counted it twice.
TEST(CpuLoad, CountsWorkAndNotGuestTimeAgain) {
    EXPECT_THAT(parse_busy_times("cpu  9 9 9 9 9 9 9 9 9 9\n"
                                 "cpu0 100 20 30 5000 400 5 6 70 90 20\n"
                                 "cpu12 1 0 0 0 0 0 0 0 0 0\n"
                                 "intr 1 2 3\n",
                                 100),
                ElementsAre(1610ms, 10ms));
}

TEST(CpuLoad, LeavesOutWhatItDoesNotUnderstand) {
    EXPECT_THAT(parse_busy_times("", 100), IsEmpty());
    EXPECT_THAT(parse_busy_times("cpu0 1 2\ncpu1 a b c d e f g\ncpu", 100), IsEmpty());
}

TEST(CpuLoad, SplitsCpusEvenlyAndInOrder) {
    EXPECT_EQ(socket_of(0, 4, 2), 0U);
    EXPECT_EQ(socket_of(1, 4, 2), 0U);
    EXPECT_EQ(socket_of(2, 4, 2), 1U);
    EXPECT_EQ(socket_of(3, 4, 2), 1U);
    EXPECT_EQ(socket_of(2, 3, 2), 1U);
}

TEST(CpuLoad, MoreSocketsThanCpusLeaveSomeIdle) {
    EXPECT_EQ(socket_of(0, 2, 4), 0U);
    EXPECT_EQ(socket_of(1, 2, 4), 2U);
    EXPECT_THAT(busy_per_socket({0ns, 0ns}, {5ns, 7ns}, 4), ElementsAre(5ns, 0ns, 7ns, 0ns));
}

TEST(CpuLoad, ATimeThatWentBackIsNoWork) {
    EXPECT_THAT(busy_per_socket({10ns, 10ns}, {5ns, 12ns}, 1), ElementsAre(2ns));
}

TEST(CpuLoad, ACpuThatCameSkipsOneStep) {
    EXPECT_THAT(busy_per_socket({10ns}, {15ns, 999ns}, 1), ElementsAre(0ns));
}

} // namespace
} // namespace wattvisor::simulated
