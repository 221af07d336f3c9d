// SPDX-License-Identifier: Apache-2.0
#include "common/usage/busy_time.hpp"
#include "tests/support/fake_tree.hpp"

#include <gtest/gtest.h>

#include <string>

namespace wattvisor {
namespace {

const CpuTopologyPtr kOneSocket = std::make_shared<const CpuTopology>(single_socket(2));

using test::FakeTree;

void show(const FakeTree& tree, std::uint64_t user, std::uint64_t system) {
    tree.file("stat", "cpu  " + std::to_string(user) + " 0 " + std::to_string(system) +
                          " 7 7 0 0 0 9 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n");
}

TEST(BusyTime, CountsFromItsFirstReading) {
    const FakeTree tree;
    BusyTime busy(tree.root(), kOneSocket);
    show(tree, 100'000, 50'000);
    EXPECT_EQ(total_of(*busy.read()), std::chrono::nanoseconds(0));
    show(tree, 100'030, 50'012);
    EXPECT_EQ(total_of(*busy.read()), 42 * clock_tick());
    EXPECT_EQ(total_of(*busy.read()), 42 * clock_tick());
}

// 256 busy CPUs fill 64 bits of nanoseconds in 417 days.
TEST(BusyTime, FitsOnALargeMachineThatHasBeenUpForYears) {
    const FakeTree tree;
    BusyTime busy(tree.root(), kOneSocket);
    constexpr std::uint64_t kTicksOfFourYears = 256ULL * 4 * 365 * 86'400 * 100;
    show(tree, kTicksOfFourYears, 0);
    EXPECT_EQ(total_of(*busy.read()), std::chrono::nanoseconds(0));
    show(tree, kTicksOfFourYears + 5, 0);
    EXPECT_EQ(total_of(*busy.read()), 5 * clock_tick());
}

TEST(BusyTime, IsAnErrorWhereItCannotBeReadAndComesBack) {
    const FakeTree tree;
    BusyTime busy(tree.root(), kOneSocket);
    EXPECT_FALSE(busy.read());
    show(tree, 10, 0);
    EXPECT_TRUE(busy.read());
    tree.file("stat", "");
    EXPECT_FALSE(busy.read());
    show(tree, 12, 0);
    EXPECT_EQ(total_of(*busy.read()), 2 * clock_tick());
}

TEST(BusyTime, OfThisMachineGoesOnWhileSomethingRuns) {
    BusyTime busy("/proc", kOneSocket);
    ASSERT_TRUE(busy.read());
    const auto before = total_of(*busy.read());
    EXPECT_GE(total_of(*busy.read()), before);
}

TEST(TimeOfTicks, IsTheLongestTimeWhereItWouldNotFit) {
    EXPECT_EQ(time_of_ticks(0), std::chrono::nanoseconds(0));
    EXPECT_EQ(time_of_ticks(3), 3 * clock_tick());
    EXPECT_EQ(time_of_ticks(UINT64_MAX), std::chrono::nanoseconds::max());
    EXPECT_EQ(time_of_ticks(UINT64_MAX / 2), std::chrono::nanoseconds::max());
}

} // namespace
} // namespace wattvisor
