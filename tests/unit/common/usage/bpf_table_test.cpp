// SPDX-License-Identifier: Apache-2.0
// The table of processes over a kernel of our own: what a live one shows too rarely to be tested.
#include "common/usage/bpf_cpu_time.hpp"
#include "tests/unit/common/usage/fake_bpf_maps.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace wattvisor {
namespace {

using test::FakeKernel;
using test::key_of;

CpuTopology two_sockets() {
    return {{0, 1}, {1, 1}, {0, 1}};
}

std::unique_ptr<FakeKernel> two_cpus() {
    auto kernel = std::make_unique<FakeKernel>(2);
    kernel->set_socket(1, 1);
    return kernel;
}

TEST(BpfTable, AddsUpWhatAProcessDidOnEachSocket) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.switch_to(0, 3);
    kernel.clock += 10;
    kernel.switch_to(0, 0);
    kernel.switch_to(1, 3);
    kernel.clock += 20;

    ASSERT_TRUE(times.read());

    const BpfProcessTime* process = times.find(3, 300); // key_of: started after 3 s
    ASSERT_NE(process, nullptr);
    EXPECT_EQ(process->cpu_time[0].count(), 10);
    EXPECT_EQ(process->cpu_time[1].count(), 20);
    EXPECT_EQ(times.busy()[0].count(), 10);
    EXPECT_EQ(times.busy()[1].count(), 20);
}

TEST(BpfTable, ShowsAnEndedProcessOnceMoreAndThenForgetsIt) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.switch_to(0, 3);
    kernel.clock += 10;
    kernel.switch_to(0, 0);
    std::strcpy(kernel.entries[key_of(3)].comm, "cc1plus");
    kernel.entries[key_of(3)].flags = bpf::entry_ended;

    ASSERT_TRUE(times.read());
    const BpfProcessTime* process = times.find(3, 300);
    ASSERT_NE(process, nullptr);
    EXPECT_TRUE(process->ended);
    EXPECT_EQ(process->comm, "cc1plus");
    EXPECT_EQ(total_of(process->cpu_time).count(), 10);

    ASSERT_TRUE(times.read());
    EXPECT_EQ(times.find(3, 300), nullptr);
    EXPECT_TRUE(kernel.entries.empty());
    EXPECT_EQ(total_of(times.busy()).count(), 10);
}

// A kernel that did not call the program: 1,000 processes at once, collected by init, left half of
// their entries behind.
TEST(BpfTable, FindsProcessesWhoseEndItWasNotTold) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.entries[key_of(3, 0)] = {10, "a", 1, 0};
    kernel.entries[key_of(3, 1)] = {20, "a", 1, 0};
    kernel.entries[key_of(4, 0)] = {30, "b", 1, 0};
    ASSERT_TRUE(times.read());
    kernel.gone.insert(3);
    int shown_as_ended = 0;
    for (int reading = 0; reading < 160; ++reading) {
        ASSERT_TRUE(times.read());
        const BpfProcessTime* process = times.find(3, 300);
        shown_as_ended += process != nullptr && process->ended ? 1 : 0;
    }
    EXPECT_EQ(shown_as_ended, 1);
    EXPECT_EQ(times.find(3, 300), nullptr);
    EXPECT_NE(times.find(4, 400), nullptr);
    EXPECT_EQ(kernel.entries.size(), 1U);
    EXPECT_EQ(total_of(times.busy()).count(), 60);
}

TEST(BpfTable, TellsOfWhichProcessSomeTimeWasMissed) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.entries[key_of(3, 0)] = {10, "a", 1, 3 * bpf::entry_one_missed | bpf::entry_ended};
    kernel.entries[key_of(3, 1)] = {20, "a", 1, 0};
    kernel.entries[key_of(4, 0)] = {30, "b", 1, 0};
    ASSERT_TRUE(times.read());
    EXPECT_EQ(times.find(3, 300)->slices.missed, (MissedSlices{3, 0}));
    EXPECT_EQ(times.find(4, 400)->slices.missed, (MissedSlices{0, 0}));
}

// on_free() marks one socket's entry after the other, and a reading may come between.
TEST(BpfTable, KeepsAnEndedProcessUntilItsLastEntryIsGone) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.entries[key_of(3, 0)] = {10, "a", 1, bpf::entry_ended};
    kernel.entries[key_of(3, 1)] = {20, "a", 1, 0};
    ASSERT_TRUE(times.read());
    kernel.entries[key_of(3, 1)].flags = bpf::entry_ended;
    ASSERT_TRUE(times.read());
    ASSERT_NE(times.find(3, 300), nullptr);
    EXPECT_EQ(total_of(times.find(3, 300)->cpu_time).count(), 30);
    ASSERT_TRUE(times.read());
    EXPECT_EQ(times.find(3, 300), nullptr);
}

// A new VM inherited the counter of an old one with its name (Scaphandre). Here: with its pid.
TEST(BpfTable, TakesAReusedPidForAnotherProcess) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.entries[{5'000'000'000, 3, 0}] = {100, "old", 1, 0};
    kernel.entries[{6'000'000'000, 3, 0}] = {7, "new", 1, 0};
    kernel.entries[{6'000'000'001, 3, 0}] = {1, "newest", 1, 0}; // within the same clock tick
    ASSERT_TRUE(times.read());
    EXPECT_EQ(total_of(times.find(3, 500)->cpu_time).count(), 100);
    EXPECT_EQ(total_of(times.find(3, 600)->cpu_time).count(), 1);
    EXPECT_EQ(times.find(3, 600)->comm, "newest");
}

// 16 characters without an end, as a kernel that cuts long names of workers might have them.
TEST(BpfTable, EndsANameThatHasNoEnd) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    std::memset(kernel.entries[key_of(3)].comm, 'x', bpf::comm_size);
    ASSERT_TRUE(times.read());
    EXPECT_EQ(times.find(3, 300)->comm, std::string(bpf::comm_size, 'x'));
}

// After a reading that had to give up on a process, its time may seem less than before.
TEST(BpfTable, NeverShowsLessThanBefore) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    for (const auto& [counted, shown] : {std::pair(100, 100), {90, 100}, {130, 130}}) {
        kernel.entries[key_of(3)] = {static_cast<__u64>(counted), "a", 1, 0};
        ASSERT_TRUE(times.read());
        EXPECT_EQ(total_of(times.find(3, 300)->cpu_time).count(), shown);
        EXPECT_EQ(total_of(times.busy()).count(), shown);
    }
}

TEST(BpfTable, CountsWhatIsNobodysAsBusy) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.slots[1].busy_ns = kernel.slots[1].unclaimed_ns = 5;
    kernel.slots[1].lost = 2;
    ASSERT_TRUE(times.read());
    const bpf::CpuSlot slot = kernel.slots[1];
    kernel.slots[1] = {};
    kernel.slots[1].seq = 1; // it is being written for so long that it cannot be read
    ASSERT_TRUE(times.read());
    EXPECT_EQ(times.busy()[1].count(), 5);
    EXPECT_EQ(times.unclaimed()[1].count(), 5);
    EXPECT_EQ(times.lost(), 2U);
    kernel.slots[1] = slot;
    kernel.slots[1].busy_ns = kernel.slots[1].unclaimed_ns = 7;
    ASSERT_TRUE(times.read());
    EXPECT_EQ(times.busy()[1].count(), 7);
    EXPECT_EQ(times.busy_of_cpus()[1].count(), 7);
}

TEST(BpfTable, StaysAsItWasWhenAReadingFails) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.entries[key_of(3)] = {100, "a", 1, 0};
    ASSERT_TRUE(times.read());
    kernel.entries_fail = true;
    EXPECT_FALSE(times.read());
    EXPECT_EQ(total_of(times.find(3, 300)->cpu_time).count(), 100);
}

TEST(BpfTable, FollowsACpuThatComesOnlineOnAKnownSocket) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    const CpuTopology one_online{{0, 1}, {1, 0}, {0}};
    BpfCpuTime times(std::move(owned), one_online);
    kernel.set_socket(1, 0);
    kernel.switch_to(1, 3);
    kernel.clock += 10;
    kernel.switch_to(1, 3);
    ASSERT_TRUE(times.read());
    ASSERT_TRUE(times.follow(two_sockets()));
    kernel.switch_to(1, 3);
    kernel.clock += 5;
    kernel.switch_to(1, 0);
    ASSERT_TRUE(times.read());
    EXPECT_EQ(times.busy()[0].count(), 10);
    EXPECT_EQ(times.busy()[1].count(), 5);
    EXPECT_FALSE(times.follow(single_socket(2)));
}

} // namespace
} // namespace wattvisor
