// SPDX-License-Identifier: Apache-2.0
// Fake trees of /proc, of control groups and of libvirt's pid files, as libvirt 9 and systemd leave
// them on Debian 12.
#include "host-agent/vm_processes.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/unit/host-agent/lock_holder.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <unistd.h>

namespace wattvisor::host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using wattvisor::test::FakeTree;
using wattvisor::test::LockHolder;

constexpr int kQemu = 100;
constexpr int kKernelFlags = 2129984;
constexpr int kUserFlags = 4194560;

class FakeHost : public testing::Test {
protected:
    FakeHost() {
        process(kQemu, "qemu-system-x86", 1000);
        vm.uuid = "u1";
        vm.name = "web";
        vm.libvirt_id = 1;
        vm.pid = kQemu;
    }

    void process(int pid, const std::string& name, int start, int flags = kUserFlags,
                 char state = 'S') const {
        const std::string id = std::to_string(pid);
        tree.file("proc/" + id + "/stat", id + " (" + name + ") " + state + " 1 0 0 0 -1 " +
                                              std::to_string(flags) + " 0 0 0 0 1 1 0 0 20 0 1 0 " +
                                              std::to_string(start) + " 0 0\n");
    }
    void children(int pid, const std::string& pids) const {
        const std::string id = std::to_string(pid);
        tree.file("proc/" + id + "/task/" + id + "/children", pids);
    }
    // `mounts`: pairs of a folder of cg/ and mountinfo's last words
    void mount(const std::string& folder, const std::string& kind) {
        mounts += "1 0 0:9 / " + (tree.root() / "cg" / folder).string() + " rw - " + kind + "\n";
        tree.file("mountinfo", mounts);
    }
    void groups_of_qemu(const std::string& text) const {
        tree.file("proc/" + std::to_string(kQemu) + "/cgroup", text);
    }
    [[nodiscard]] std::vector<VmProcess> find(const std::unordered_set<pid_t>& taken = {}) {
        VmProcessFinder finder(
            {tree.root() / "proc", tree.root() / "mountinfo", tree.root() / "run"});
        finder.refresh();
        return finder.find(vm, taken);
    }
    [[nodiscard]] std::vector<pid_t> pids(const std::unordered_set<pid_t>& taken = {}) {
        std::vector<pid_t> found;
        for (const VmProcess& each : find(taken)) {
            found.push_back(each.pid);
        }
        return found;
    }

    FakeTree tree;
    std::string mounts;
    Vm vm;
};

const VmProcess kQemuItself{kQemu, 1000, Component::emulator};

TEST_F(FakeHost, WithoutCgroupsHasQemuAlone) {
    EXPECT_THAT(find(), ElementsAre(kQemuItself));
}

TEST_F(FakeHost, WithoutQemuHasNothing) {
    vm.pid = 0;
    EXPECT_THAT(find(), IsEmpty());
    vm.pid = 4242;
    EXPECT_THAT(find(), IsEmpty());
    vm.pid = kQemu;
    EXPECT_THAT(find({kQemu}), IsEmpty());
    process(kQemu, "qemu", 1000, kUserFlags, 'Z');
    EXPECT_THAT(find(), IsEmpty());
}

// virtiofsd and swtpm were charged to nobody, or to `other`, by other meters.
TEST_F(FakeHost, WithVersionTwoHasTheProcessesOfTheVmsGroup) {
    mount("", "cgroup2 cgroup2 rw");
    const std::string scope = "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope";
    groups_of_qemu("0::" + scope + "/libvirt/emulator\n");
    tree.file("cg" + scope + "/cgroup.procs", "");
    tree.file("cg" + scope + "/libvirt/cgroup.procs", "100\n90\n91\n92\n93\n94\n");
    process(90, "virtiofsd", 990);
    process(91, "swtpm", 991);
    process(92, "passt.avx2", 992);
    process(93, "dbus-daemon", 993);
    process(94, "ended", 994, kUserFlags, 'Z');
    EXPECT_THAT(find(), ElementsAre(kQemuItself, VmProcess{90, 990, Component::virtiofsd},
                                    VmProcess{91, 991, Component::swtpm},
                                    VmProcess{92, 992, Component::network},
                                    VmProcess{93, 993, Component::helper}));
}

TEST_F(FakeHost, WithVersionOneHasTheProcessesOfTheVmsGroup) {
    mount("cpu", "cgroup cgroup rw,cpu,cpuacct");
    groups_of_qemu("4:cpu,cpuacct:/machine/qemu-1-web.libvirt-qemu/emulator\n3:memory:/\n");
    tree.file("cg/cpu/machine/qemu-1-web.libvirt-qemu/cgroup.procs", "");
    tree.file("cg/cpu/machine/qemu-1-web.libvirt-qemu/emulator/cgroup.procs", "90\n100\n");
    tree.file("cg/cpu/machine/qemu-1-web.libvirt-qemu/vcpu0/cgroup.procs", "100\n");
    process(90, "virtiofsd", 990);
    EXPECT_THAT(pids(), ElementsAre(kQemu, 90));
}

// As measured: the v1 groups of memory and pids hold QEMU alone, its helpers are with cpu and
// cpuset.
TEST_F(FakeHost, WithBothVersionsLooksWhereTheHelpersAre) {
    mount("memory", "cgroup cgroup rw,memory");
    mount("cpuset", "cgroup cgroup rw,cpuset");
    mount("unified", "cgroup2 cgroup2 rw");
    groups_of_qemu("9:name=systemd:/\n4:memory:/machine/qemu-1-web.libvirt-qemu\n"
                   "3:cpuset:/machine/qemu-1-web.libvirt-qemu/emulator\n"
                   "0::/machine/qemu-1-web.libvirt-qemu/emulator\n");
    tree.file("cg/memory/machine/qemu-1-web.libvirt-qemu/cgroup.procs", "100\n");
    tree.file("cg/cpuset/machine/qemu-1-web.libvirt-qemu/emulator/cgroup.procs", "90\n100\n");
    tree.file("cg/unified/machine/qemu-1-web.libvirt-qemu/cgroup.procs", "100\n90\n");
    process(90, "virtiofsd", 990);
    EXPECT_THAT(pids(), ElementsAre(kQemu, 90));
}

TEST_F(FakeHost, OfProxmoxHasTheProcessesOfTheVmsScope) {
    mount("", "cgroup2 cgroup2 rw");
    groups_of_qemu("0::/qemu.slice/101.scope\n");
    tree.file("cg/qemu.slice/101.scope/cgroup.procs", "100\n95\n");
    tree.file("cg/qemu.slice/cgroup.procs", "96\n");
    process(95, "swtpm", 990);
    process(96, "stranger", 990);
    EXPECT_THAT(pids(), ElementsAre(kQemu, 95));
}

// A QEMU that a session daemon or a person started: its group is the whole session's.
TEST_F(FakeHost, DoesNotTakeAGroupThatOthersShare) {
    mount("", "cgroup2 cgroup2 rw");
    process(90, "bash", 990);
    for (const std::string group :
         {"/user.slice/user-1000.slice/session-3.scope", "/", "/system.slice/libvirtd.service",
          "/../machine.slice/1.scope"}) {
        groups_of_qemu("0::" + group + "\n");
        tree.file("cg" + group + "/cgroup.procs", "100\n90\n");
        EXPECT_THAT(pids(), ElementsAre(kQemu)) << group;
    }
}

TEST_F(FakeHost, HasTheKernelThreadsThatWorkForQemu) {
    process(50, "vhost-100", 1001, kKernelFlags);
    process(51, "vhost-101", 1001, kKernelFlags);
    process(52, "kvm-pit/100", 1002, kKernelFlags);
    process(53, "vhost-100", 999, kKernelFlags); // of an earlier process with this pid
    process(54, "vhost-100", 1003);              // a user's process that calls itself so
    tree.file("proc/2/task/2/children", "50 51 52 53 54 ");
    EXPECT_THAT(find(), UnorderedElementsAre(kQemuItself, VmProcess{50, 1001, Component::vhost},
                                             VmProcess{52, 1002, Component::helper}));
}

// Up to Linux 6.3 a vhost worker is a kernel thread, and libvirt puts it into the VM's group; since
// 6.4 it is a thread of QEMU. Found both ways, it would be charged twice.
TEST_F(FakeHost, CountsAVhostThreadOfTheGroupOnce) {
    mount("", "cgroup2 cgroup2 rw");
    groups_of_qemu("0::/qemu.slice/101.scope\n");
    tree.file("cg/qemu.slice/101.scope/cgroup.procs", "100\n50\n");
    process(50, "vhost-100", 1001, kKernelFlags);
    tree.file("proc/2/task/2/children", "50 ");
    EXPECT_THAT(find(), ElementsAre(kQemuItself, VmProcess{50, 1001, Component::vhost}));
}

// virtiofsd is two processes, and only the first has a pid file.
TEST_F(FakeHost, HasTheChildrenOfWhatItHas) {
    mount("", "cgroup2 cgroup2 rw");
    groups_of_qemu("0::/qemu.slice/101.scope\n");
    tree.file("cg/qemu.slice/101.scope/cgroup.procs", "100\n90\n");
    process(90, "virtiofsd", 990);
    process(91, "virtiofsd", 995);
    process(92, "odd", 996);
    process(93, "bridge-helper", 1005);
    children(90, "91 ");
    children(91, "92 90 ");
    children(kQemu, "93 ");
    EXPECT_THAT(find(), UnorderedElementsAre(kQemuItself, VmProcess{90, 990, Component::virtiofsd},
                                             VmProcess{91, 995, Component::virtiofsd},
                                             VmProcess{92, 996, Component::virtiofsd},
                                             VmProcess{93, 1005, Component::helper}));
}

TEST_F(FakeHost, HasTheHelperThatHoldsTheLockOfItsPidFile) {
    const LockHolder virtiofsd(tree.file("run/1-web-fs0-fs.pid", "90\n"));
    const LockHolder gpu(tree.file("run/1-web-video0-vhost-user-gpu.pid", "91\n"));
    process(virtiofsd.pid(), "my-own-binary", 990);
    process(gpu.pid(), "whatever", 991);
    process(90, "virtiofsd", 990); // what the text says does not matter
    EXPECT_THAT(find(), UnorderedElementsAre(kQemuItself,
                                             VmProcess{virtiofsd.pid(), 990, Component::virtiofsd},
                                             VmProcess{gpu.pid(), 991, Component::helper}));
}

// libvirtd was killed with its VMs, and ids begin at 1 again: the file is there, the pid is
// somebody else's by now.
TEST_F(FakeHost, DoesNotBelieveAStalePidFile) {
    tree.file("run/1-web-fs0-fs.pid", "90\n");
    tree.file("run/passt/1-web-net0-passt.pid", "91\n");
    tree.file("run/dbus/1-web-dbus.pid", "92\n");
    process(90, "postgres", 1);
    process(91, "kthread", 1, kKernelFlags);
    process(92, "dbus-daemon", 1); // no lock, and any user has one
    EXPECT_THAT(find(), ElementsAre(kQemuItself));
    process(90, "virtiofsd", 2000000000); // of another VM, started after the file was written
    EXPECT_THAT(find(), ElementsAre(kQemuItself));
}

// passt writes its pid file by itself, without a lock.
TEST_F(FakeHost, BelievesAnUnlockedFileOfAKnownHelperThatIsOlder) {
    tree.file("run/passt/1-web-net0-passt.pid", "91\n");
    process(91, "passt.avx2", 1);
    EXPECT_THAT(find(), ElementsAre(kQemuItself, VmProcess{91, 1, Component::network}));
}

// libvirt's folder for passt belongs to QEMU's user: an escaped guest could have others pay for it.
TEST_F(FakeHost, BelievesAUserInHisOwnSessionOnly) {
    constexpr uid_t kUser = 12345;
    process(91, "passt", 1);
    const auto file = tree.file("run/passt/1-web-net0-passt.pid", "91\n");
    const auto give_to_user = [](const std::filesystem::path& path) {
        return ::chown(path.c_str(), kUser, kUser) == 0;
    };
    if (!give_to_user(file)) {
        GTEST_SKIP() << "needs root";
    }
    ASSERT_TRUE(give_to_user(tree.root() / "proc/91"));
    EXPECT_THAT(pids(), ElementsAre(kQemu));
    ASSERT_TRUE(give_to_user(tree.root() / "run"));
    EXPECT_THAT(pids(), ElementsAre(kQemu, 91));
    ASSERT_EQ(::chown((tree.root() / "proc/91").c_str(), 0, 0), 0);
    EXPECT_THAT(pids(), ElementsAre(kQemu));
}

// Whoever may rename files there makes another VM's helper this one's.
TEST_F(FakeHost, DoesNotBelieveThatAHelperOfAnotherVmsGroupIsItsOwn) {
    const LockHolder swtpm(tree.file("run/swtpm/1-web-swtpm.pid", "90\n"));
    process(swtpm.pid(), "swtpm", 990);
    const auto put_in = [&](pid_t pid, const std::string& group) {
        tree.file("proc/" + std::to_string(pid) + "/cgroup",
                  "1:cpu:" + group + "/emulator\n0::/\n");
    };
    put_in(kQemu, "/machine/qemu-1-web.libvirt-qemu");
    put_in(swtpm.pid(), "/machine/qemu-2-db.libvirt-qemu");
    EXPECT_THAT(pids(), ElementsAre(kQemu));
    put_in(swtpm.pid(), "/machine/qemu-1-web.libvirt-qemu");
    EXPECT_THAT(pids(), ElementsAre(kQemu, swtpm.pid()));
    put_in(swtpm.pid(), "/system.slice");
    EXPECT_THAT(pids(), ElementsAre(kQemu, swtpm.pid()));
}

TEST_F(FakeHost, GivesAProcessToOneVmOnly) {
    mount("", "cgroup2 cgroup2 rw");
    groups_of_qemu("0::/qemu.slice/101.scope\n");
    tree.file("cg/qemu.slice/101.scope/cgroup.procs", "100\n90\n200\n");
    process(90, "virtiofsd", 990);
    process(91, "virtiofsd", 991);
    process(200, "qemu-system-x86", 800);
    process(201, "helper", 801);
    children(90, "91 ");
    children(200, "201 ");
    EXPECT_THAT(pids({200, 91}), ElementsAre(kQemu, 90));
}

TEST_F(FakeHost, KnowsWhereTheMemoryOfAVmIsCounted) {
    mount("memory", "cgroup cgroup rw,memory");
    mount("hugetlb", "cgroup cgroup rw,hugetlb");
    mount("unified", "cgroup2 cgroup2 rw");
    groups_of_qemu(
        "4:memory:/machine/qemu-1-web.libvirt-qemu\n3:hugetlb:/\n0::/qemu.slice/1.scope\n");
    VmProcessFinder finder({tree.root() / "proc", tree.root() / "mountinfo", tree.root() / "run"});
    EXPECT_EQ(finder.memory_of(kQemu).memory_group, std::nullopt); // before the first refresh()
    finder.refresh();
    const NumaMemorySource source = finder.memory_of(kQemu);
    EXPECT_EQ(source.process, tree.root() / "proc/100");
    EXPECT_EQ(source.memory_group, tree.root() / "cg/memory/machine/qemu-1-web.libvirt-qemu");
    EXPECT_FALSE(source.is_v2);
    EXPECT_EQ(source.hugetlb_group, tree.root() / "cg/unified/qemu.slice/1.scope");
    EXPECT_EQ(finder.memory_of(4242).memory_group, std::nullopt);
}

TEST_F(FakeHost, IsNotMisledByHostileNames) {
    tree.file("run/1-..-fs0-fs.pid", "90\n");
    process(90, "virtiofsd", 1);
    for (const std::string name : {"..", "../../etc/x", "a/b", "", "\xff\xfe", "a\nb"}) {
        vm.name = name;
        EXPECT_THAT(pids(), ElementsAre(kQemu)) << name;
    }
    process(kQemu, "a) R (b", 1000);
    vm.name = "web";
    EXPECT_THAT(find(), ElementsAre(kQemuItself));
}

TEST_F(FakeHost, FindsABoundedNumberOfProcesses) {
    std::string many;
    for (int pid = 10000; pid < 10600; ++pid) {
        process(pid, "child", 1001);
        many += std::to_string(pid) + " ";
    }
    children(kQemu, many);
    EXPECT_EQ(find().size(), kMostProcesses);
}

} // namespace
} // namespace wattvisor::host
