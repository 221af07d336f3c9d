// SPDX-License-Identifier: Apache-2.0
#include "common/usage/exit_sums.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;

ThreadExit thread(pid_t thread, pid_t process, std::chrono::nanoseconds time,
                  std::chrono::microseconds age = 1s) {
    ThreadExit exit;
    exit.thread = thread;
    exit.process = process;
    exit.parent = 1;
    exit.comm = "thread " + std::to_string(thread);
    exit.cpu_time = time;
    exit.process_age = age;
    return exit;
}

ThreadExit last(pid_t id, pid_t process, std::chrono::nanoseconds time,
                std::optional<std::chrono::nanoseconds> kernels_sum = std::nullopt,
                std::chrono::microseconds age = 1s) {
    ThreadExit exit = thread(id, process, time, age);
    exit.last = true;
    exit.process_cpu_time = kernels_sum;
    return exit;
}

TEST(ExitSums, GiveAProcessOfOneThreadAsItIs) {
    ExitSums sums;
    sums.add(last(70, 70, 5ms));
    const auto ended = sums.take();
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_EQ(ended[0], (EndedProcess{70, 1, "thread 70", false, 5ms, 1s}));
    EXPECT_TRUE(sums.take().empty()) << "each is given once";
}

TEST(ExitSums, DoNotGiveAProcessThatGoesOn) {
    ExitSums sums;
    sums.add(thread(71, 70, 5ms));
    EXPECT_TRUE(sums.take().empty());
}

TEST(ExitSums, KeepTheTimeOfThreadsThatEndedTicksAgo) {
    ExitSums sums;
    sums.add(thread(71, 70, 5ms, 1s));
    EXPECT_TRUE(sums.take().empty());
    sums.add(thread(72, 70, 6ms, 2s));
    EXPECT_TRUE(sums.take().empty());
    sums.add(last(70, 70, 1ms, 12ms, 3s));
    EXPECT_EQ(sums.take().at(0).cpu_time, 12ms);
}

// It was an hour old before the agent began: only the kernel knows its earlier threads.
TEST(ExitSums, TakeTheKernelsSumForThreadsThatEndedBeforeAnybodyListened) {
    ExitSums sums;
    sums.add(thread(71, 70, 5ms, 1h));
    sums.add(last(70, 70, 1ms, 500ms, 1h));
    EXPECT_EQ(sums.take().at(0).cpu_time, 500ms);
}

// A process is killed: its threads end at once, on all CPUs. The last one by the kernel's count
// (signal->live) may send the kernel's sum before others have added to it, since a thread counts
// itself out first and adds its time later. A virtual CPU's hours would be missing.
TEST(ExitSums, HaveThreadsThatEndTogetherWhateverTheirOrder) {
    std::vector<int> order = {0, 1, 2, 3};
    do {
        ExitSums sums;
        for (const int which : order) {
            sums.add(which == 0 ? last(70, 70, 1ms, 3ms) : thread(70 + which, 70, which * 10ms));
        }
        const auto ended = sums.take();
        ASSERT_EQ(ended.size(), 1U);
        EXPECT_EQ(ended[0].cpu_time, 61ms);
        EXPECT_EQ(ended[0].comm, "thread 70");
    } while (std::next_permutation(order.begin(), order.end()));
}

// The other way round, what the kernel's sum has already is not added again.
TEST(ExitSums, NeverCountAThreadTwice) {
    ExitSums sums;
    sums.add(last(70, 70, 1ms, 61ms));
    sums.add(thread(71, 70, 10ms));
    sums.add(thread(72, 70, 20ms));
    sums.add(thread(73, 70, 30ms));
    EXPECT_EQ(sums.take().at(0).cpu_time, 61ms);
}

TEST(ExitSums, CountAThreadThatCameAfterItsProcessWasGivenOut) {
    ExitSums sums;
    sums.add(last(70, 70, 1ms, 3ms));
    EXPECT_EQ(sums.take().size(), 1U);
    sums.add(thread(71, 70, 10ms));
    EXPECT_EQ(sums.late(), 1U);
    EXPECT_TRUE(sums.take().empty());
    sums.add(last(70, 70, 2ms, std::nullopt, 500ms));
    EXPECT_EQ(sums.take().at(0).cpu_time, 2ms) << "the pid's next process has none of it";
}

TEST(ExitSums, NameAProcessByItsMainThreadWhicheverEndsLast) {
    ExitSums sums;
    sums.add(thread(70, 70, 5ms));
    sums.add(last(71, 70, 30ms, 35ms));
    EXPECT_EQ(sums.take().at(0).comm, "thread 70");
    sums.add(last(81, 80, 30ms, 35ms));
    EXPECT_EQ(sums.take().at(0).comm, "thread 81") << "the main thread's record was not seen";
}

// A record was lost, so nobody said that process 70 ended. Its pid's next owner pays for itself.
TEST(ExitSums, DoNotChargeAReusedPidForTheThreadsOfTheProcessBefore) {
    ExitSums sums;
    sums.add(thread(71, 70, 10s, 1h));
    EXPECT_TRUE(sums.take().empty());
    sums.add(last(70, 70, 1ms, std::nullopt, 20ms));
    EXPECT_EQ(sums.take().at(0).cpu_time, 1ms);

    sums.add(thread(71, 70, 10s, 1h));
    sums.add(thread(72, 70, 1ms, 20ms));
    sums.add(last(70, 70, 1ms, 2ms, 30ms));
    EXPECT_EQ(sums.take().at(0).cpu_time, 2ms);
}

TEST(ExitSums, ForgetWhatMayBeOfProcessesThatAreGone) {
    ExitSums sums;
    sums.add(thread(71, 70, 10ms));
    sums.forget();
    sums.add(last(70, 70, 1ms, std::nullopt, 2s));
    EXPECT_EQ(sums.take().at(0).cpu_time, 1ms);
}

TEST(ExitSums, GiveTwoProcessesOfOnePidInTheOrderOfTheirEnds) {
    ExitSums sums;
    sums.add(thread(71, 70, 10ms, 1h));
    sums.add(last(70, 70, 1ms, 11ms, 1h));
    sums.add(last(70, 70, 2ms, std::nullopt, 3ms));
    const auto ended = sums.take();
    ASSERT_EQ(ended.size(), 2U);
    EXPECT_EQ(ended[0].cpu_time, 11ms);
    EXPECT_EQ(ended[1].cpu_time, 2ms);
}

// Any user may have as many processes as he likes.
TEST(ExitSums, DoNotGrowWithoutBound) {
    ExitSums sums;
    for (pid_t pid = 1; pid <= 200'000; ++pid) {
        sums.add(thread(pid + 1'000'000, pid, 1ms));
    }
    sums.add(last(1, 1, 2ms));
    sums.add(last(200'000, 200'000, 2ms));
    sums.add(last(200'001, 200'001, 2ms, 3ms));
    const auto ended = sums.take();
    EXPECT_EQ(ended.at(0).cpu_time, 3ms);
    EXPECT_EQ(ended.at(1).cpu_time, 2ms) << "its thread was not kept";
    EXPECT_EQ(ended.at(2).cpu_time, 3ms) << "the kernel's sum must do";
}

TEST(ExitSums, DoNotOverflow) {
    ExitSums sums;
    sums.add(thread(71, 70, std::chrono::nanoseconds::max()));
    sums.add(last(70, 70, 1ms));
    EXPECT_EQ(sums.take().at(0).cpu_time, std::chrono::nanoseconds::max());
}

} // namespace
} // namespace wattvisor
