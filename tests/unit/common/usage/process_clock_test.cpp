// SPDX-License-Identifier: Apache-2.0
#include "common/usage/busy_time.hpp"
#include "common/usage/process_clock.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/unit/common/usage/live_child.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <unistd.h>

namespace wattvisor {
namespace {

using test::FakeTree;
using test::LiveChild;

double ratio(std::chrono::nanoseconds a, std::chrono::nanoseconds b) {
    return static_cast<double>(a.count()) / static_cast<double>(b.count());
}

void show(const FakeTree& tree, int user, int system, int start, char state = 'S') {
    tree.file("7/stat", "7 (qemu) " + std::string(1, state) + " 1 7 7 0 -1 0 0 0 0 0 " +
                            std::to_string(user) + " " + std::to_string(system) + " 0 0 20 0 1 0 " +
                            std::to_string(start) + " 0 0\n");
}

TEST(ProcessClock, AgreesWithWhatTheProcessSaysOfItself) {
    LiveChild child;
    auto clock = ProcessClock::open("/proc", child.pid());
    ASSERT_TRUE(clock);
    const auto before = clock->read();
    const auto used = child.burn();
    const auto after = clock->read();
    ASSERT_TRUE(before && after);
    EXPECT_LT(*before, *after);
    EXPECT_NEAR(ratio(*after, used), 1.0, 0.1);
}

// /proc/PID/stat steps by 10 ms, which is an error of 1 % per thread at one tick a second.
TEST(ProcessClock, IsFinerThanAClockTick) {
    auto clock = ProcessClock::open("/proc", ::getpid());
    ASSERT_TRUE(clock);
    const auto first = *clock->read();
    auto next = first;
    while (next == first) {
        next = *clock->read();
    }
    EXPECT_LT(next - first, clock_tick());
}

// Threads that ended between two ticks took their time with them in other meters.
TEST(ProcessClock, KeepsTheTimeOfThreadsThatEnded) {
    auto clock = ProcessClock::open("/proc", ::getpid());
    ASSERT_TRUE(clock);
    const auto before = *clock->read();
    std::chrono::nanoseconds in_thread{0};
    std::thread worker([&in_thread] {
        timespec time{};
        while (in_thread < std::chrono::milliseconds(30)) {
            ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
            in_thread = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
        }
    });
    worker.join();
    EXPECT_GE(*clock->read() - before, in_thread);
}

TEST(ProcessClock, TellsWhoTheProcessIs) {
    const LiveChild child;
    const auto clock = ProcessClock::open("/proc", child.pid());
    ASSERT_TRUE(clock);
    EXPECT_EQ(clock->pid(), child.pid());
    EXPECT_EQ(clock->stat().comm, read_pid_stat("/proc/self")->comm);
    EXPECT_GE(clock->stat().start_ticks, read_pid_stat("/proc/self")->start_ticks);
}

TEST(ProcessClock, OfAProcessThatEndedIsGoneZombieOrNot) {
    LiveChild child;
    auto clock = ProcessClock::open("/proc", child.pid());
    ASSERT_TRUE(clock);
    child.die();
    for (const char* stage : {"a zombie", "reaped"}) {
        const auto time = clock->read();
        ASSERT_FALSE(time) << stage;
        EXPECT_EQ(time.error().severity, Severity::gone) << stage;
        child.end();
    }
}

TEST(ProcessClock, CannotBeOpenedOnAProcessThatIsNotThere) {
    LiveChild child;
    const pid_t pid = child.pid();
    child.end();
    const auto clock = ProcessClock::open("/proc", pid);
    ASSERT_FALSE(clock);
    EXPECT_EQ(clock.error().severity, Severity::gone);
}

TEST(ProcessClock, OfAnotherRootReadsItsFiles) {
    const FakeTree tree;
    show(tree, 100, 20, 5000);
    auto clock = ProcessClock::open(tree.root(), 7);
    ASSERT_TRUE(clock);
    EXPECT_EQ(*clock->read(), 120 * clock_tick());
    show(tree, 101, 21, 5000);
    EXPECT_EQ(*clock->read(), 122 * clock_tick());
}

// The same pid with another start time is another process.
TEST(ProcessClock, DoesNotTakeAReusedPidForItsProcess) {
    const FakeTree tree;
    show(tree, 100, 20, 5000);
    auto clock = ProcessClock::open(tree.root(), 7);
    ASSERT_TRUE(clock);
    show(tree, 1, 0, 9000);
    const auto time = clock->read();
    ASSERT_FALSE(time);
    EXPECT_EQ(time.error().severity, Severity::gone);
}

TEST(ProcessClock, OfAZombieInAnotherRootIsGone) {
    const FakeTree tree;
    show(tree, 100, 20, 5000);
    auto clock = ProcessClock::open(tree.root(), 7);
    ASSERT_TRUE(clock);
    show(tree, 100, 20, 5000, 'Z');
    EXPECT_EQ(clock->read().error().severity, Severity::gone);
}

TEST(ProcessClock, IsWorthAnotherTryWhereTheFileCannotBeUnderstood) {
    const FakeTree tree;
    show(tree, 100, 20, 5000);
    auto clock = ProcessClock::open(tree.root(), 7);
    ASSERT_TRUE(clock);
    tree.file("7/stat", "7 (qemu) S 1");
    const auto time = clock->read();
    ASSERT_FALSE(time);
    EXPECT_EQ(time.error().severity, Severity::transient);
}

TEST(ProcessClock, DoesNotOverflowOnAbsurdTimes) {
    const FakeTree tree;
    tree.file("7/stat", "7 (q) S 1 7 7 0 -1 0 0 0 0 0 9223372036854775807 1 0 0 20 0 1 0 5 0\n");
    auto clock = ProcessClock::open(tree.root(), 7);
    ASSERT_TRUE(clock);
    EXPECT_EQ(*clock->read(), std::chrono::nanoseconds::max());
}

} // namespace
} // namespace wattvisor
