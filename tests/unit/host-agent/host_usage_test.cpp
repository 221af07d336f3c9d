// SPDX-License-Identifier: Apache-2.0
// A /proc of files, so that every nanosecond is known: what a VM's processes use and what others
// do, each told of once.
#include "common/usage/busy_time.hpp"
#include "common/usage/clock_time_source.hpp"
#include "host-agent/host_usage.hpp"
#include "tests/support/fake_tree.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace wattvisor::host {
namespace {

using wattvisor::test::FakeTree;

constexpr std::uint64_t kKernelThread = 0x00200000;

class HostUsageTest : public testing::Test {
protected:
    HostUsageTest() {
        tree.file("proc/stat", "cpu  100 0 0 0 0 0 0 0 0 0\n");
        tree.file("proc/self/mountinfo", "");
    }
    void show(pid_t pid, int ticks, const std::string& comm, std::uint64_t flags = 0) const {
        const std::string folder = "proc/" + std::to_string(pid);
        tree.file(folder + "/stat", std::to_string(pid) + " (" + comm + ") S 1 1 1 -1 -1 " +
                                        std::to_string(flags) + " 0 0 0 0 " +
                                        std::to_string(ticks) + " 0 0 0 20 0 1 0 500 0 0\n");
        tree.file(folder + "/cmdline", comm);
        tree.file(folder + "/task/" + std::to_string(pid) + "/children", "");
        tree.file(folder + "/statm", "10 5 1 1 0 1 0\n");
    }
    static Vm vm(pid_t pid) {
        Vm vm;
        vm.uuid = "u1";
        vm.name = "web";
        vm.pid = pid;
        vm.libvirt_id = 1;
        return vm;
    }
    VmProcessRoots roots() const {
        VmProcessRoots roots;
        roots.proc = tree.root() / "proc";
        roots.mountinfo = tree.root() / "proc/self/mountinfo";
        roots.run_dir = tree.root() / "run";
        return roots;
    }
    // Clock ticks by key; a key that is told of twice fails the test.
    std::map<std::string, std::int64_t> collect() {
        sample = usage.collect();
        std::map<std::string, std::int64_t> ticks;
        for (const ConsumerUsage& used : sample.consumers) {
            EXPECT_TRUE(
                ticks.emplace(used.consumer->key, total_of(used.cpu_time) / clock_tick()).second)
                << used.consumer->key;
        }
        return ticks;
    }

    FakeTree tree;
    ClockTimeSource times{tree.root() / "proc",
                          std::make_shared<const CpuTopology>(single_socket(2)), std::nullopt};
    VmUsage vms{roots(), times, {std::nullopt, 1}};
    ProcessUsage processes{tree.root() / "proc", times};
    HostUsage usage{times, vms, processes};
    UsageSample sample;
};

using Ticks = std::map<std::string, std::int64_t>;

TEST_F(HostUsageTest, TellsOfVmsAndOfProcessesOnceEach) {
    show(10, 100, "qemu-system-x86");
    show(20, 50, "sshd");
    show(30, 9, "kworker", kKernelThread);
    vms.update({vm(10)});
    EXPECT_EQ(collect(), (Ticks{{"u1", 0}, {"20:500", 0}}));
    show(10, 130, "qemu-system-x86");
    show(20, 57, "sshd");
    show(30, 99, "kworker", kKernelThread);
    EXPECT_EQ(collect(), (Ticks{{"u1", 30}, {"20:500", 7}}));
    EXPECT_TRUE(sample.busy_time);
    EXPECT_EQ(sample.time_source, "clock");
}

// libvirt tells of a VM a moment after its QEMU started: until then QEMU is a process like others.
TEST_F(HostUsageTest, HandsAProcessOverToItsVmWithoutChargingItTwice) {
    show(10, 100, "qemu-system-x86");
    EXPECT_EQ(collect(), (Ticks{{"10:500", 0}}));
    show(10, 120, "qemu-system-x86");
    EXPECT_EQ(collect(), (Ticks{{"10:500", 20}}));
    show(10, 150, "qemu-system-x86");
    vms.update({vm(10)});
    // Its last part as a process; as the VM's it begins here.
    EXPECT_EQ(collect(), (Ticks{{"10:500", 50}, {"u1", 0}}));
    show(10, 155, "qemu-system-x86");
    EXPECT_EQ(collect(), (Ticks{{"u1", 5}}));
}

// A VM that libvirt no longer names, while its QEMU runs on.
TEST_F(HostUsageTest, TakesAProcessBackWithoutChargingItsPastAgain) {
    show(10, 100, "qemu-system-x86");
    vms.update({vm(10)});
    (void)collect();
    show(10, 130, "qemu-system-x86");
    EXPECT_EQ(collect(), (Ticks{{"u1", 30}}));
    vms.update({});
    show(10, 140, "qemu-system-x86");
    EXPECT_EQ(collect(), (Ticks{{"u1", 40}})) << "its last part";
    show(10, 145, "qemu-system-x86");
    EXPECT_EQ(collect(), (Ticks{{"10:500", 0}})) << "not the 145 of its life";
    show(10, 150, "qemu-system-x86");
    EXPECT_EQ(collect(), (Ticks{{"10:500", 5}}));
}

TEST_F(HostUsageTest, TellsTheResourcesOfAVmsQemu) {
    show(10, 100, "qemu-system-x86");
    vms.update({vm(10)});
    (void)collect();
    ASSERT_EQ(sample.consumers.size(), 1U);
    ASSERT_TRUE(sample.consumers[0].resources);
    EXPECT_GT(sample.consumers[0].resources->memory_bytes.value_or(0), 0U);
    EXPECT_FALSE(sample.consumers[0].resources->read_bytes) << "there is no such file";
}

} // namespace
} // namespace wattvisor::host
