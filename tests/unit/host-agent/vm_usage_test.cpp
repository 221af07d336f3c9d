// SPDX-License-Identifier: Apache-2.0
// Real processes stand for QEMU: they burn CPU time when told to and say how much they used.
#include "common/usage/busy_time.hpp"
#include "common/usage/clock_time_source.hpp"
#include "host-agent/vm_usage.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/unit/common/usage/live_child.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace wattvisor::host {
namespace {

const CpuTopologyPtr kOneSocket = std::make_shared<const CpuTopology>(single_socket(2));

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::Each;
using testing::IsEmpty;
using testing::SizeIs;
using wattvisor::test::FakeTree;
using wattvisor::test::LiveChild;

// getrusage(2), which the child asks itself, cuts to microseconds, and asking costs time too.
constexpr nanoseconds kSlack = 20ms;

Vm vm_of(pid_t pid, int id = 1, const std::string& uuid = "u1") {
    Vm vm;
    vm.uuid = uuid;
    vm.name = "web";
    vm.title = "The web";
    vm.vcpus = 4;
    vm.enrolled = true;
    vm.libvirt_id = id;
    vm.pid = pid;
    return vm;
}

nanoseconds time_of(const UsageSample& sample, const std::string& uuid = "u1") {
    for (const ConsumerUsage& used : sample.consumers) {
        if (used.consumer->key == uuid) {
            return total_of(used.cpu_time);
        }
    }
    ADD_FAILURE() << uuid << " is not listed";
    return {};
}

void expect_about(nanoseconds time, nanoseconds expected) {
    EXPECT_GE(time, expected - kSlack);
    EXPECT_LE(time, expected + kSlack);
}

TEST(VmUsage, CountsWhatAVmUses) {
    LiveChild qemu;
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    usage.update({vm_of(qemu.pid())});
    const nanoseconds before = time_of(usage.collect());
    const nanoseconds first = qemu.burn();
    const nanoseconds then = time_of(usage.collect());
    const nanoseconds second = qemu.burn();
    expect_about(then - before, first);
    expect_about(time_of(usage.collect()) - then, second - first);
}

TEST(VmUsage, SaysWhoTheVmIs) {
    LiveChild qemu;
    qemu.become_cat();
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    usage.update({vm_of(qemu.pid())});
    const UsageSample sample = usage.collect();
    ASSERT_THAT(sample.consumers, SizeIs(1));
    const Consumer& consumer = *sample.consumers[0].consumer;
    EXPECT_EQ(consumer.kind, ConsumerKind::vm);
    EXPECT_EQ(consumer.key, "u1");
    EXPECT_EQ(consumer.name, "web");
    EXPECT_EQ(consumer.title, "The web");
    EXPECT_EQ(consumer.vcpus, 4U);
    EXPECT_TRUE(consumer.enrolled);
    EXPECT_EQ(consumer.pid, qemu.pid());
    EXPECT_EQ(consumer.exe, "cat");
    EXPECT_EQ(consumer.cmdline, "cat-");
    EXPECT_TRUE(sample.busy_time);
}

TEST(VmUsage, LearnsThatAVmWasEnrolled) {
    LiveChild qemu;
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    Vm vm = vm_of(qemu.pid());
    vm.enrolled = false;
    usage.update({vm});
    const nanoseconds before = time_of(usage.collect());
    qemu.burn();
    vm.enrolled = true;
    usage.update({vm});
    const UsageSample sample = usage.collect();
    EXPECT_TRUE(sample.consumers.at(0).consumer->enrolled);
    EXPECT_GT(time_of(sample), before);
}

// What ran before the agent was charged to others, or to nobody.
TEST(VmUsage, CountsAVmThatWasThereAtTheStartFromNowOn) {
    LiveChild qemu;
    qemu.burn();
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    usage.update({vm_of(qemu.pid())});
    EXPECT_LT(time_of(usage.collect()), kSlack);
}

TEST(VmUsage, CountsAVmThatStartedSinceTheLastLookFromItsBirth) {
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    EXPECT_THAT(usage.collect().consumers, IsEmpty());
    LiveChild qemu;
    const nanoseconds used = qemu.burn();
    usage.update({vm_of(qemu.pid())});
    expect_about(time_of(usage.collect()), used);
}

// It was `other` until now: libvirt was not there, or did not know its process.
TEST(VmUsage, CountsAVmThatStartedBeforeTheLastLookFromNowOn) {
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    LiveChild qemu;
    qemu.burn(); // longer than the clock tick by which births are known
    EXPECT_THAT(usage.collect().consumers, IsEmpty());
    usage.update({vm_of(qemu.pid())});
    const nanoseconds before = time_of(usage.collect());
    EXPECT_LT(before, kSlack);
    qemu.burn();
    EXPECT_GT(time_of(usage.collect()), before);
}

TEST(VmUsage, GoesOnCountingWhenTheVmHasANewProcess) {
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    LiveChild first;
    first.burn();
    usage.update({vm_of(first.pid(), 1)});
    static_cast<void>(usage.collect());
    first.burn();
    const nanoseconds before = time_of(usage.collect());
    EXPECT_GT(before, 0ns);
    first.end();
    LiveChild second;
    const nanoseconds used = second.burn();
    usage.update({vm_of(second.pid(), 2)});
    expect_about(time_of(usage.collect()), before + used);
}

// Destroyed and started again between two ticks: libvirt's lists come as it happens, and the ledger
// compares with the count of the tick before.
TEST(VmUsage, GoesOnCountingWhenAVmWasAwayBetweenTwoTicks) {
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    LiveChild first;
    usage.update({vm_of(first.pid(), 1)});
    static_cast<void>(usage.collect());
    first.burn();
    const nanoseconds before = time_of(usage.collect());
    first.end();
    usage.update({});
    LiveChild second;
    const nanoseconds used = second.burn();
    usage.update({vm_of(second.pid(), 2)});
    expect_about(time_of(usage.collect()), before + used);
}

// Its process ended, and libvirt did not say so yet: leaving it out would begin its count anew.
TEST(VmUsage, KeepsAVmWhoseProcessEndedWhileItIsListed) {
    LiveChild qemu;
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    usage.update({vm_of(qemu.pid())});
    static_cast<void>(usage.collect());
    qemu.burn();
    const nanoseconds count = time_of(usage.collect());
    EXPECT_GT(count, 0ns);
    qemu.die(); // a zombie
    EXPECT_EQ(time_of(usage.collect()), count);
    qemu.end();
    EXPECT_EQ(time_of(usage.collect()), count);
    usage.update({vm_of(qemu.pid())});
    EXPECT_EQ(time_of(usage.collect()), count);
}

TEST(VmUsage, TellsTheLastPartOfAVmThatLibvirtNoLongerListsAndDropsIt) {
    LiveChild qemu;
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    usage.update({vm_of(qemu.pid()), vm_of(0, 2, "u2")});
    EXPECT_THAT(usage.collect().consumers, SizeIs(2));
    usage.update({vm_of(0, 2, "u2")});
    EXPECT_THAT(usage.collect().consumers, SizeIs(2));
    const UsageSample sample = usage.collect();
    ASSERT_THAT(sample.consumers, SizeIs(1));
    EXPECT_EQ(sample.consumers[0].consumer->key, "u2");
}

TEST(VmUsage, ListsAVmWhoseProcessIsNotKnownAndCountsItOnceItIs) {
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    usage.update({vm_of(0)});
    EXPECT_EQ(time_of(usage.collect()), 0ns);
    EXPECT_EQ(usage.collect().consumers[0].consumer->pid, 0);
    LiveChild qemu;
    const nanoseconds used = qemu.burn();
    usage.update({vm_of(qemu.pid())}); // the same start of the VM: its pid file came later
    const UsageSample sample = usage.collect();
    expect_about(time_of(sample), used);
    EXPECT_EQ(sample.consumers[0].consumer->pid, qemu.pid());
}

TEST(VmUsage, TakesAPidOfNobodyForAnUnknownOne) {
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    LiveChild child;
    const pid_t pid = child.pid();
    child.end();
    usage.update({vm_of(pid), vm_of(-1, 2, "u2")});
    const UsageSample sample = usage.collect();
    EXPECT_EQ(time_of(sample), 0ns);
    EXPECT_EQ(time_of(sample, "u2"), 0ns);
}

TEST(VmUsage, NeverGoesBack) {
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    LiveChild first;
    LiveChild second;
    nanoseconds last{0};
    int id = 1;
    for (const pid_t pid : {first.pid(), 0, first.pid(), second.pid(), first.pid(), 0}) {
        usage.update({vm_of(pid, ++id)});
        first.burn();
        const nanoseconds count = time_of(usage.collect());
        EXPECT_GE(count, last);
        last = count;
    }
}

// A fixture in place of /proc: clock ticks from files.
class FixtureProc : public testing::Test {
protected:
    void process(std::uint64_t user_ticks, std::uint64_t start_ticks, char state = 'S') const {
        tree.file("77/stat", "77 (qemu) kvm)) " + std::string(1, state) +
                                 " 1 77 77 0 -1 4194560 0 0 0 0 " + std::to_string(user_ticks) +
                                 " 0 0 0 20 0 3 0 " + std::to_string(start_ticks) + " 0 0\n");
    }
    FakeTree tree;
    ClockTimeSource times{tree.root(), kOneSocket, std::nullopt};
    VmUsage usage{VmProcessRoots{tree.root(), tree.root() / "self/mountinfo", tree.root() / "run"},
                  times};
};

TEST_F(FixtureProc, IsReadInPlaceOfTheLiveOne) {
    process(100, 5);
    tree.file("77/cmdline", std::string("qemu\0-name\0web", 14));
    tree.file("stat", "cpu  100 0 0 900 0 0 0 0 0 0\n");
    usage.update({vm_of(77)});
    UsageSample sample = usage.collect();
    EXPECT_EQ(time_of(sample), 0ns);
    EXPECT_EQ(sample.busy_time, SocketTimes{0ns});
    EXPECT_EQ(sample.consumers[0].consumer->exe, "qemu) kvm)");
    EXPECT_EQ(sample.consumers[0].consumer->cmdline, "qemu-nameweb");
    process(103, 5);
    tree.file("stat", "cpu  107 0 0 900 0 0 0 0 0 0\n");
    sample = usage.collect();
    EXPECT_EQ(time_of(sample), 3 * clock_tick());
    EXPECT_EQ(sample.busy_time, SocketTimes{7 * clock_tick()});
}

TEST_F(FixtureProc, WithAReusedPidAddsNothing) {
    process(100, 5);
    usage.update({vm_of(77)});
    static_cast<void>(usage.collect());
    process(104, 5);
    EXPECT_EQ(time_of(usage.collect()), 4 * clock_tick());
    process(9000, 6); // somebody else's by now
    EXPECT_EQ(time_of(usage.collect()), 4 * clock_tick());
}

TEST_F(FixtureProc, WithoutBusyTimeLeavesItOut) {
    process(100, 5);
    usage.update({vm_of(77)});
    EXPECT_EQ(usage.collect().busy_time, std::nullopt);
}

// A file that cannot be read just now is not the end of the process.
TEST_F(FixtureProc, ThatIsBrokenForAWhileLosesNoTime) {
    process(100, 5);
    usage.update({vm_of(77)});
    static_cast<void>(usage.collect());
    tree.file("77/stat", "");
    EXPECT_EQ(time_of(usage.collect()), 0ns);
    process(109, 5);
    EXPECT_EQ(time_of(usage.collect()), 9 * clock_tick());
}

// How often each VM's threads are looked at in so many ticks, after the looks that follow a start.
std::vector<unsigned> looks_in(unsigned ticks, unsigned vms) {
    const FakeTree tree;
    ClockTimeSource times(tree.root(), kOneSocket, std::nullopt);
    VmUsage usage({tree.root(), tree.root() / "self/mountinfo", tree.root() / "run"}, times);
    std::vector<Vm> list;
    for (unsigned i = 0; i < vms; ++i) {
        list.push_back(vm_of(0, 1, "vm-" + std::to_string(i)));
    }
    usage.update(list);
    std::vector<unsigned> looks(vms, 0);
    for (unsigned tick = 0; tick < 5 + ticks; ++tick) {
        const UsageSample sample = usage.collect();
        for (unsigned i = 0; i < vms && tick >= 5; ++i) {
            looks[i] += sample.consumers[i].components ? 1U : 0U;
        }
    }
    return looks;
}

TEST(VmUsage, LooksAtThreadsLessOftenWhereThereAreManyVms) {
    EXPECT_THAT(looks_in(240, 60), Each(4));
    EXPECT_THAT(looks_in(240, 61), Each(2));
    EXPECT_THAT(looks_in(240, 121), Each(1));
    EXPECT_THAT(looks_in(240, 1000), Each(1));
}

// A device was plugged in, and with it a process that is nobody's child.
TEST(VmUsage, LooksAtAVmAgainAfterAnEventOfLibvirt) {
    LiveChild qemu;
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    VmUsage usage(VmProcessRoots(), times);
    Vm vm = vm_of(qemu.pid());
    usage.update({vm});
    const auto is_looked_at = [&usage] {
        return usage.collect().consumers.at(0).components != nullptr;
    };
    unsigned looks = 0;
    for (int tick = 0; tick < 10; ++tick) {
        looks += is_looked_at() ? 1U : 0U;
    }
    EXPECT_LE(looks, 6U);
    vm.events = 1;
    usage.update({vm});
    for (int tick = 0; tick < 5; ++tick) {
        EXPECT_TRUE(is_looked_at()) << tick;
    }
}

// Two CPUs, each a socket, and a QEMU of one thread on one of them.
class TwoSockets : public testing::Test {
protected:
    void run(unsigned cpu, unsigned ticks) {
        used_ += ticks;
        std::string line = "77 (qemu) S 1 77 77 0 -1 4194560 0 0 0 0 " + std::to_string(used_) +
                           " 0 0 0 20 0 1 0 5 0 0";
        for (int field = 25; field <= 38; ++field) {
            line += " 0";
        }
        line += " " + std::to_string(cpu) + "\n";
        tree.file("77/stat", line);
        tree.file("77/task/77/stat", line);
        tree.file("77/task/77/comm", "qemu\n");
        const auto time = used_ * static_cast<std::uint64_t>(clock_tick().count());
        tree.file("77/task/77/schedstat", std::to_string(time) + " 0 1\n");
    }
    unsigned used_ = 0;
    FakeTree tree;
    CpuTopologyPtr topology =
        std::make_shared<const CpuTopology>(CpuTopology{{0, 1}, {1, 1}, {0, 1}});
    ClockTimeSource times{tree.root(), topology, std::nullopt};
    VmUsage usage{VmProcessRoots{tree.root(), tree.root() / "self/mountinfo", tree.root() / "run"},
                  times};
};

// At each look at a VM's threads, all that it ever used moved to the first socket, and what was
// there already was charged once more: 20 % of a VM's energy was on the wrong socket.
TEST_F(TwoSockets, KeepWhatWasSpentOnEachWhenThreadsAreLookedAt) {
    run(1, 100);
    usage.update({vm_of(77)});
    static_cast<void>(usage.collect());
    for (unsigned tick = 1; tick <= 70; ++tick) { // some ticks with looks, some without
        run(tick % 2, 10);
        const UsageSample sample = usage.collect();
        // Of a thread that went there in this tick, half was used where it came from.
        ASSERT_EQ(sample.consumers[0].cpu_time,
                  (SocketTimes{(tick - 1) * 5 * clock_tick(), (tick + 1) * 5 * clock_tick()}))
            << "tick " << tick;
        const auto half = tick == 1 ? nanoseconds(0) : 5 * clock_tick();
        ASSERT_EQ(sample.consumers[0].moved, (SocketTimes{half, half})) << "tick " << tick;
    }
}

} // namespace
} // namespace wattvisor::host
