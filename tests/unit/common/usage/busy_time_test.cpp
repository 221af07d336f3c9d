// SPDX-License-Identifier: Apache-2.0
#include "common/usage/busy_time.hpp"
#include "tests/support/fake_tree.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

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

// A machine of four CPUs; 0 and 2 are on the first socket, 1 and 3 on the second.
class BusyTimeOfTwoSockets : public testing::Test {
protected:
    // One line per CPU that is online.
    [[nodiscard]] SocketTimes read(const std::map<int, std::uint64_t>& ticks) {
        std::string text = "cpu  999 0 0 0 0 0 0 0 0 0\n";
        for (const auto& [cpu, busy] : ticks) {
            text +=
                "cpu" + std::to_string(cpu) + " " + std::to_string(busy) + " 0 0 55 5 0 0 0 3 0\n";
        }
        tree.file("stat", text + "intr 1\n");
        return busy_time.read().value();
    }

    FakeTree tree;
    CpuTopologyPtr topology =
        std::make_shared<const CpuTopology>(CpuTopology{{0, 1}, {2, 2}, {0, 1, 0, 1}});
    BusyTime busy_time{tree.root(), topology};
    nanoseconds tick = clock_tick();
};

TEST_F(BusyTimeOfTwoSockets, AddsUpTheCpusOfEach) {
    EXPECT_EQ(read({{0, 1000}, {1, 2000}, {2, 3000}, {3, 4000}}), (SocketTimes{0s, 0s}));
    EXPECT_EQ(read({{0, 1010}, {1, 2001}, {2, 3005}, {3, 4002}}),
              (SocketTimes{15 * tick, 3 * tick}));
    EXPECT_EQ(read({{0, 1010}, {1, 2001}, {2, 3005}, {3, 4003}}),
              (SocketTimes{15 * tick, 4 * tick}));
}

TEST_F(BusyTimeOfTwoSockets, CanBeShortByTheCutOfEachLine) {
    EXPECT_EQ(busy_time.error(), 2 * kBusyTimeError);
    const BusyTime of_one(tree.root(), kOneSocket);
    EXPECT_EQ(of_one.error(), kBusyTimeError) << "the line of all CPUs is cut once";
}

// A CPU that goes offline loses its line, and when it comes back its count goes on: neither may all
// of its time since boot be counted, nor may the socket's time go back.
TEST_F(BusyTimeOfTwoSockets, CountsACpuThatComesBackFromWhereItWas) {
    (void)read({{0, 1000}, {1, 2000}, {2, 3000}, {3, 4000}});
    EXPECT_EQ(read({{0, 1001}, {2, 3001}}), (SocketTimes{2 * tick, 0s})) << "1 and 3 are offline";
    EXPECT_EQ(read({{0, 1001}, {2, 3001}}), (SocketTimes{2 * tick, 0s}));
    EXPECT_EQ(read({{0, 1001}, {1, 2005}, {2, 3001}, {3, 4007}}),
              (SocketTimes{2 * tick, 12 * tick}));
}

TEST_F(BusyTimeOfTwoSockets, CountsNoCpuThatWasNotThereAtFirst) {
    (void)read({{0, 1000}, {1, 2000}});
    EXPECT_EQ(read({{0, 1000}, {1, 2000}, {2, 3000}, {3, 4000}}), (SocketTimes{0s, 0s}))
        << "all since boot is the past";
    EXPECT_EQ(read({{0, 1000}, {1, 2000}, {2, 3002}, {3, 4003}}),
              (SocketTimes{2 * tick, 3 * tick}));
}

TEST_F(BusyTimeOfTwoSockets, NeverGoesBack) {
    (void)read({{0, 1000}, {1, 2000}, {2, 3000}, {3, 4000}});
    (void)read({{0, 1010}, {1, 2000}, {2, 3000}, {3, 4000}});
    EXPECT_EQ(read({{0, 900}, {1, 2000}, {2, 3000}, {3, 4000}}), (SocketTimes{10 * tick, 0s}));
    EXPECT_EQ(read({{0, 1012}, {1, 2000}, {2, 3000}, {3, 4000}}), (SocketTimes{12 * tick, 0s}));
}

// A CPU that the topology does not know is of no socket.
TEST_F(BusyTimeOfTwoSockets, LeavesOutACpuOfNoSocket) {
    (void)read({{0, 1000}, {1, 2000}, {2, 3000}, {3, 4000}, {4, 10}});
    EXPECT_EQ(read({{0, 1000}, {1, 2000}, {2, 3000}, {3, 4000}, {4, 90}}), (SocketTimes{0s, 0s}));
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
