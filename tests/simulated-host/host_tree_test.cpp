// SPDX-License-Identifier: Apache-2.0
// The files of a simulated host, read by those who read the real ones.
#include "common/accounting/meter.hpp"
#include "common/energy/powercap.hpp"
#include "common/usage/clock_time_source.hpp"
#include "common/usage/cpu_topology.hpp"
#include "common/usage/process_usage.hpp"
#include "tests/simulated-host/host_tree.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

#include <filesystem>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Scenario one_vm() {
    Scenario scenario;
    scenario.host.sockets = 2;
    VmSpec vm;
    vm.name = "web & <1>";
    vm.vcpus = 2;
    vm.load = steady(kWhole / 2);
    ThreadSpec helper;
    helper.component = Component::virtiofsd;
    helper.load = steady(kWhole / 10);
    ThreadSpec vhost;
    vhost.component = Component::vhost;
    vhost.kernel_thread = true;
    vhost.load = steady(kWhole / 10);
    vm.threads = {helper, vhost};
    scenario.vms = {vm};
    return scenario;
}

class HostTreeTest : public ::testing::Test {
protected:
    void make(Scenario scenario) {
        host_.emplace(std::move(scenario));
        auto tree = HostTree::create(files_.root(), *host_);
        ASSERT_TRUE(tree) << tree.error().message();
        tree_.emplace(std::move(*tree));
    }
    void advance(nanoseconds time) {
        host_->advance(time);
        auto written = tree_->write(*host_);
        ASSERT_TRUE(written) << written.error().message();
    }
    [[nodiscard]] std::string read(const std::string& path) const { return files_.read(path); }
    [[nodiscard]] const VirtualMachine& vm() const { return host_->population().vms().front(); }
    [[nodiscard]] std::string proc(pid_t pid) const { return "proc/" + std::to_string(pid); }

    test::FakeTree files_;
    std::optional<SimulatedHost> host_;
    std::optional<HostTree> tree_;
};

TEST_F(HostTreeTest, ShowsAProcessAsTheKernelDoes) {
    make(one_vm());
    advance(1s);
    const std::string folder = proc(vm().pid);
    const auto stat = parse_pid_stat(read(folder + "/stat"));
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->comm, "qemu-system-x86");
    EXPECT_EQ(stat->user_ticks, 95U);
    EXPECT_EQ(stat->system_ticks, 5U);
    EXPECT_EQ(stat->start_ticks, 360'000U);
    EXPECT_FALSE(stat->is_kernel_thread());
    EXPECT_THAT(read(folder + "/cmdline"), HasSubstr("guest=web & <1>,debug-threads=on"));
    EXPECT_THAT(read(folder + "/cgroup"), HasSubstr("/libvirt/emulator"));
    // The leader's, as in the kernel; it sleeps.
    EXPECT_THAT(read(folder + "/schedstat"), ::testing::StartsWith("0 0 "));
    const std::string vcpu = folder + "/task/" + std::to_string(vm().pid + 1);
    EXPECT_EQ(read(vcpu + "/comm"), "CPU 0/KVM\n");
    EXPECT_THAT(read(vcpu + "/schedstat"), ::testing::StartsWith("500000000 0 "));
    EXPECT_THAT(read(vcpu + "/cgroup"), HasSubstr("/libvirt/vcpu0"));
}

TEST_F(HostTreeTest, KeepsThreadsOfTheKernelApart) {
    make(one_vm());
    const pid_t vhost = vm().helpers.back().second;
    const auto stat = parse_pid_stat(read(proc(vhost) + "/stat"));
    ASSERT_TRUE(stat);
    EXPECT_TRUE(stat->is_kernel_thread());
    EXPECT_EQ(stat->comm, "vhost-" + std::to_string(vm().pid));
    EXPECT_EQ(read(proc(vhost) + "/cmdline"), "");
    EXPECT_THAT(read("proc/2/task/2/children"), HasSubstr(std::to_string(vhost) + " "));
}

// Guest time is inside user time already; Scaphandre 0.4 and 0.5 counted it twice.
TEST_F(HostTreeTest, HasGuestTimeInsideUserTime) {
    make(one_vm());
    advance(1s);
    const std::string stat = read("proc/stat");
    // 2 vCPUs of half a CPU and helpers: 0.95 + 0.095 user, 0.05 + 0.005 + 0.1 system.
    EXPECT_THAT(stat, ::testing::StartsWith("cpu  104 0 15 "));
    EXPECT_THAT(stat.substr(0, stat.find('\n')), ::testing::EndsWith(" 0 0 0 0 95 0"));
    EXPECT_EQ(parse_all_cpus(stat)->busy, 119U);
}

TEST_F(HostTreeTest, ShowsTheMachine) {
    make(one_vm());
    const auto topology = read_topology(tree_->sys());
    ASSERT_TRUE(topology);
    EXPECT_THAT(topology->packages, ElementsAre(0, 1));
    EXPECT_THAT(topology->cpus, ElementsAre(4, 4));
    EXPECT_EQ(topology->socket_of_cpu[3], 0U);
    EXPECT_EQ(topology->socket_of_cpu[4], 1U);
    EXPECT_EQ(read("sys/devices/system/node/node1/cpulist"), "4-7\n");
    EXPECT_EQ(read("sys/devices/system/node/node0/distance"), "10 21\n");
    EXPECT_THAT(read("sys/devices/system/node/node0/meminfo"),
                HasSubstr("MemUsed:        524288 kB"));
}

TEST_F(HostTreeTest, WritesLibvirtsFilesWithEscapedNames) {
    make(one_vm());
    EXPECT_EQ(read("run/libvirt/qemu/web &amp; &lt;1&gt;.pid"), std::to_string(vm().pid));
    EXPECT_EQ(read("run/libvirt/qemu/1-web & <1>-fs0-fs.pid"),
              std::to_string(vm().helpers.front().second));
    const std::string xml = read("libvirt/node.xml");
    EXPECT_THAT(xml, HasSubstr("<name>web &amp; &lt;1&gt;</name>"));
    EXPECT_THAT(xml, HasSubstr("<uuid>00000000-0000-4000-8000-000000000001</uuid>"));
}

TEST_F(HostTreeTest, ShowsControlGroupsOfVersion2) {
    make(one_vm());
    advance(1s);
    const std::string scope =
        "sys/fs/cgroup/machine.slice/machine-qemu\\x2d1\\x2dweb\\x20\\x26\\x20\\x3c1\\x3e.scope";
    EXPECT_THAT(read(scope + "/cpu.stat"), ::testing::StartsWith("usage_usec 1200000\n"));
    EXPECT_THAT(read(scope + "/libvirt/vcpu0/cpu.stat"),
                ::testing::StartsWith("usage_usec 500000\n"));
    EXPECT_EQ(read(scope + "/libvirt/vcpu1/cgroup.threads"), std::to_string(vm().pid + 2) + "\n");
    EXPECT_THAT(read(scope + "/libvirt/cgroup.procs"), HasSubstr(std::to_string(vm().pid) + "\n"));
    EXPECT_THAT(read(scope + "/memory.numa_stat"), HasSubstr("anon N0=536870912 N1=536870912\n"));
}

TEST_F(HostTreeTest, ShowsControlGroupsOfVersion1) {
    Scenario scenario = one_vm();
    scenario.host.cgroup = CgroupVersion::v1;
    make(scenario);
    advance(1s);
    const std::string unit =
        "/machine.slice/machine-qemu\\x2d1\\x2dweb\\x20\\x26\\x20\\x3c1\\x3e.scope";
    EXPECT_THAT(read("sys/fs/cgroup/cpuacct" + unit + "/cpuacct.usage"),
                ::testing::StartsWith("1200000000\n"));
    EXPECT_EQ(read("sys/fs/cgroup/cpu" + unit + "/libvirt/vcpu0/tasks"),
              std::to_string(vm().pid + 1) + "\n");
    EXPECT_THAT(read("sys/fs/cgroup/memory" + unit + "/memory.numa_stat"),
                HasSubstr("anon=262144 N0=131072 N1=131072\n"));
    EXPECT_THAT(read(proc(vm().pid) + "/cgroup"), HasSubstr(":cpu,cpuacct:" + unit));
}

TEST_F(HostTreeTest, HasNoControlGroupsWhereTheKernelHasNone) {
    Scenario scenario = one_vm();
    scenario.host.cgroup = CgroupVersion::none;
    make(scenario);
    EXPECT_FALSE(fs::exists(files_.root() / "sys/fs/cgroup"));
    EXPECT_FALSE(fs::exists(files_.root() / proc(vm().pid) / "cgroup"));
}

TEST_F(HostTreeTest, FollowsBirthsDeathsAndNames) {
    Scenario scenario = one_vm();
    Event stop;
    stop.at = 1s;
    stop.kind = EventKind::vm_stop;
    stop.target = "web & <1>";
    Event start = stop;
    start.at = 2s;
    start.kind = EventKind::vm_start;
    scenario.events = {stop, start};
    make(scenario);
    const pid_t first = vm().pid;
    advance(1s);
    EXPECT_FALSE(fs::exists(files_.root() / proc(first)));
    EXPECT_THAT(read("libvirt/node.xml"), HasSubstr("runstate"));
    EXPECT_FALSE(fs::exists(files_.root() / "run/libvirt/qemu/web &amp; &lt;1&gt;.pid"));
    advance(1s);
    EXPECT_NE(vm().pid, first);
    EXPECT_EQ(read("run/libvirt/qemu/web &amp; &lt;1&gt;.pid"), std::to_string(vm().pid));
}

// `--root /` as root: a tool for tests must not take a host apart.
TEST_F(HostTreeTest, TouchesNoFolderThatIsNotItsOwn) {
    const fs::path precious = files_.file("proc/1/stat", "precious");
    const SimulatedHost host(one_vm());
    const auto tree = HostTree::create(files_.root(), host);
    ASSERT_FALSE(tree);
    EXPECT_THAT(tree.error().message(), HasSubstr("empty folder for --root"));
    EXPECT_EQ(read("proc/1/stat"), "precious");
}

TEST_F(HostTreeTest, StartsAnewWhereItRanBefore) {
    make(one_vm());
    const pid_t first = vm().pid;
    const Scenario empty;
    const SimulatedHost other(empty);
    ASSERT_TRUE(HostTree::create(files_.root(), other));
    EXPECT_FALSE(fs::exists(files_.root() / proc(first)));
    EXPECT_TRUE(fs::exists(files_.root() / "proc/1/stat"));
}

// Names that end too early for who splits at the first parenthesis or at blanks.
TEST_F(HostTreeTest, ShowsHostileNamesAsTheyAre) {
    Scenario scenario;
    ProcessSpec process;
    process.name = "a) R (b 1 2";
    scenario.processes = {process};
    make(scenario);
    const pid_t pid = std::prev(host_->population().processes().end())->first;
    EXPECT_EQ(parse_pid_stat(read(proc(pid) + "/stat"))->comm, "a) R (b 1 2");
    Event rename;
    rename.kind = EventKind::process_rename;
    rename.target = process.name;
    rename.text = "x\\)";
    host_->apply(rename);
    advance(1s);
    EXPECT_EQ(read(proc(pid) + "/task/" + std::to_string(pid) + "/comm"), "x\\)\n");
    EXPECT_EQ(parse_pid_stat(read(proc(pid) + "/stat"))->comm, "x\\)");
}

// The main use: an agent's pipeline over a minute of virtual time, held against the truth.
TEST_F(HostTreeTest, LetsAMeterRunInVirtualTime) {
    make(one_vm());
    Meter meter({"test", 1s, 0s, {}}, Ledger(Residual::idle));
    PowercapSource energy(tree_->powercap());
    ClockTimeSource times(tree_->proc(), std::make_shared<const CpuTopology>(single_socket(4)),
                          std::nullopt);
    ProcessUsage usage(tree_->proc(), times);
    SnapshotPtr snapshot;
    for (int second = 0; second <= 60; ++second) {
        snapshot = meter.tick({host_->now(), {}, 0, 0, {}}, energy, usage);
        advance(1s);
    }
    host_->advance(0s);
    const HostTruth truth = host_->truth();
    ASSERT_EQ(snapshot->zones.size(), 2U);
    // The truth is one second ahead of the last look.
    EXPECT_EQ(snapshot->zones[0].total_uj, truth.zones[0].total.uj() / 61 * 60);
    EXPECT_EQ(snapshot->conservation_error_uj, 0U);
}

} // namespace
} // namespace wattvisor::simulated
