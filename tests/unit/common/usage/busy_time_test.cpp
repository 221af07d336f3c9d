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

// By the clock: what was not idle.
class BusyTimeByTheClock : public testing::Test {
protected:
    // Of a machine with so many CPUs, at a time since the first reading.
    [[nodiscard]] nanoseconds read(nanoseconds time, std::uint64_t busy_ticks,
                                   std::uint64_t idle_ticks, int cpus = 2) {
        std::string text = "cpu  " + std::to_string(busy_ticks) + " 0 0 " +
                           std::to_string(idle_ticks) + " 0 0 0 0 0 0\n";
        for (int cpu = 0; cpu < cpus; ++cpu) {
            text += "cpu" + std::to_string(cpu) + " 1 1 1 1 1 1 1 1 1 1\n";
        }
        tree.file("stat", text);
        now = 1h + time;
        return total_of(*busy.read());
    }

    FakeTree tree;
    nanoseconds now{0};
    BusyTime busy{tree.root(), kOneSocket, [this] { return now; }};
    nanoseconds tick = clock_tick();
};

// A load that runs between two timer ticks is seen by none of them.
TEST_F(BusyTimeByTheClock, CountsWhatNoTimerTickSaw) {
    EXPECT_EQ(read(0s, 500, 1000), 0s);
    EXPECT_EQ(read(1s, 500, 1150), 500ms);
    EXPECT_EQ(read(2s, 500, 1150), 2500ms) << "both CPUs, all of the time";
    EXPECT_EQ(read(3s, 900, 1350), 2500ms) << "idle, whatever the timer says";
}

TEST_F(BusyTimeByTheClock, DoesNotAddUpWhatTheFieldsAreCutBy) {
    (void)read(0s, 0, 0);
    nanoseconds time{0};
    for (int i = 1; i <= 1000; ++i) {
        // Idle for 19 ms of each CPU's 10 ms twice: 1.9 ticks, of which 1 or 2 are seen.
        time = read(i * 10ms, 0, static_cast<std::uint64_t>(i) * 19 / 10);
    }
    EXPECT_EQ(time, 1s);
}

TEST_F(BusyTimeByTheClock, StealIsNotBusy) {
    (void)read(0s, 0, 0);
    tree.file("stat", "cpu  0 0 0 50 20 0 0 30 0 0\ncpu0 1\ncpu1 1\n");
    now += 1s;
    EXPECT_EQ(total_of(*busy.read()), 1s);
}

// The count of a CPU that went offline is another one in the kernel: its time may jump.
TEST_F(BusyTimeByTheClock, TakesTicksWhenCpusComeOrGo) {
    (void)read(0s, 500, 1000);
    EXPECT_EQ(read(1s, 520, 990, 1), 20 * tick);
    EXPECT_EQ(read(2s, 520, 1040, 1), 20 * tick + 500ms) << "by the clock again";
    EXPECT_EQ(read(3s, 525, 900'000, 2), 25 * tick + 500ms);
}

TEST_F(BusyTimeByTheClock, TakesTicksWhereIdleTimeCannotBeTrue) {
    (void)read(0s, 500, 1000);
    EXPECT_EQ(read(1s, 510, 1300), 10 * tick) << "3 s of idle time of two CPUs in 1 s";
    EXPECT_EQ(read(2s, 520, 900), 20 * tick) << "idle time went back";
    EXPECT_EQ(read(3s, 520, 1000), 20 * tick + 1s);
}

// idle and iowait may each go back a little, says Documentation/filesystems/proc.rst.
TEST_F(BusyTimeByTheClock, NeverGoesBack) {
    (void)read(0s, 500, 1000);
    EXPECT_EQ(read(1s, 500, 1100), 1s);
    EXPECT_EQ(read(1010ms, 500, 1103), 1s);
    EXPECT_EQ(read(1020ms, 500, 1102), 1020ms);
}

TEST(BusyTimeOfTwoSocketsByTheClock, IsOfEachCpusOwnLine) {
    const FakeTree tree;
    nanoseconds now = 1h;
    BusyTime busy(tree.root(),
                  std::make_shared<const CpuTopology>(CpuTopology{{0, 1}, {1, 1}, {0, 1}}),
                  [&now] { return now; });
    tree.file("stat", "cpu  0 0 0 0 0 0 0\ncpu0 5 0 0 100 0 0 0 0\ncpu1 5 0 0 200 0 0 0 0\n");
    EXPECT_EQ(*busy.read(), (SocketTimes{0s, 0s}));
    now += 1s;
    tree.file("stat", "cpu  0 0 0 0 0 0 0\ncpu0 5 0 0 125 0 0 0 0\ncpu1 5 0 0 200 0 0 0 0\n");
    EXPECT_EQ(*busy.read(), (SocketTimes{750ms, 1s}));
    now += 1s;
    tree.file("stat", "cpu  0 0 0 0 0 0 0\ncpu0 5 0 0 125 0 0 0 0\n");
    EXPECT_EQ(*busy.read(), (SocketTimes{1750ms, 1s})) << "the other one is offline";
    now += 1s;
    tree.file("stat", "cpu  0 0 0 0 0 0 0\ncpu0 5 0 0 125 0 0 0 0\ncpu1 7 0 0 201 0 0 0 0\n");
    EXPECT_EQ(*busy.read(), (SocketTimes{2750ms, 1s + 2 * clock_tick()})) << "and comes back";
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
