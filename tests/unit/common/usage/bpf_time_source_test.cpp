// SPDX-License-Identifier: Apache-2.0
// What the source makes of a program that missed something: over a kernel of our own, with the
// clock of this very process.
#include "common/base/clock_time.hpp"
#include "common/usage/bpf_time_source.hpp"
#include "tests/unit/common/usage/fake_bpf_maps.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using test::FakeKernel;

nanoseconds own_clock() {
    return clock_time(CLOCK_PROCESS_CPUTIME_ID);
}

class OwnProcess : public testing::Test {
protected:
    OwnProcess() {
        auto kernel = std::make_unique<FakeKernel>(2);
        kernel->set_socket(1, 1);
        maps = kernel.get();
        const auto topology =
            std::make_shared<const CpuTopology>(CpuTopology{{0, 1}, {1, 1}, {0, 1}});
        source = std::make_unique<BpfTimeSource>(
            std::make_unique<BpfCpuTime>(std::move(kernel), *topology), "/proc", topology);
    }

    [[nodiscard]] bpf::ProcessEntry& entry(unsigned socket) const {
        const auto tick = static_cast<std::uint64_t>(clock_tick().count());
        return maps->entries[{process.clock.stat().start_ticks * tick,
                              static_cast<__u32>(::getpid()), socket}];
    }
    [[nodiscard]] SocketTimes read() {
        source->begin();
        const auto reading = source->read(process);
        EXPECT_TRUE(reading);
        return reading ? reading->time : SocketTimes(2);
    }

    FakeKernel* maps = nullptr;
    std::unique_ptr<BpfTimeSource> source;
    WatchedProcess process{std::move(*ProcessClock::open("/proc", ::getpid()))};
};

TEST_F(OwnProcess, IsWhatTheProgramCounted) {
    entry(0).ns = 1000;
    EXPECT_EQ(read(), (SocketTimes{1us, 0ns}));
    entry(1).ns = 500;
    EXPECT_EQ(read(), (SocketTimes{1us, 500ns}));
}

// Measured: the switches of a VM's thread to and from the machine's first process were not shown,
// and 7 % of its time was charged to others.
TEST_F(OwnProcess, IsCompletedByItsClockWhereSomeWasMissed) {
    entry(0).ns = 1000;
    EXPECT_EQ(read(), (SocketTimes{1us, 0ns}));
    const nanoseconds before = own_clock();
    while (own_clock() < before + 20ms) {
    }
    entry(1).flags = bpf::entry_one_missed;
    const SocketTimes now = read();
    EXPECT_EQ(now[0], 1us);
    EXPECT_GE(now[1], 20ms);
    EXPECT_LE(now[1], own_clock()) << "what it used before the program counted is not in it";
    entry(0).flags = bpf::entry_ended;
    entry(0).ns = 3000;
    EXPECT_EQ(read(), (SocketTimes{3us, now[1]})) << "its end is counted";
}

// Whoever has adopted a parent can adopt its children in the same go.
TEST_F(OwnProcess, TellsOfThoseThatWereBornSinceParentsFirst) {
    source->begin();
    source->begin();
    const auto now = static_cast<std::uint64_t>(clock_time(CLOCK_BOOTTIME).count());
    const auto add = [&](unsigned pid, std::uint64_t born, unsigned parent, unsigned flags = 0) {
        bpf::ProcessEntry& entry = maps->entries[{born, pid, 0}];
        entry.ns = 1000;
        entry.parent = parent;
        entry.flags = flags;
    };
    add(70'002, now + 2, 70'003);
    add(70'003, now + 1, 42);
    add(70'004, now + 3, 2, bpf::entry_kernel_thread);
    add(70'005, now + 4, 42, bpf::entry_ended);
    add(70'006, 1, 42); // as old as the machine
    source->begin();
    const std::vector<YoungProcess> young = source->young_processes();
    ASSERT_EQ(young.size(), 2U);
    EXPECT_EQ(young[0].pid, 70'003);
    EXPECT_EQ(young[0].parent, 42);
    EXPECT_EQ(young[0].start_ticks, (now + 1) / static_cast<std::uint64_t>(clock_tick().count()));
    EXPECT_EQ(young[1].pid, 70'002);
    source->begin();
    EXPECT_EQ(source->young_processes().size(), 2U) << "once more: it may have been too early";
    source->begin();
    EXPECT_TRUE(source->young_processes().empty());
}

} // namespace
} // namespace wattvisor
