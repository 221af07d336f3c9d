// SPDX-License-Identifier: Apache-2.0
#include "host-agent/vm_cgroup.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

#include <string>

namespace wattvisor::host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using wattvisor::test::FakeTree;

TEST(MachineGroup, IsWhereLibvirtAndProxmoxPutAVm) {
    EXPECT_EQ(machine_group("/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator"),
              "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope");
    EXPECT_EQ(machine_group("/machine.slice/machine-qemu\\x2d12\\x2da\\x2db.scope"),
              "/machine.slice/machine-qemu\\x2d12\\x2da\\x2db.scope");
    EXPECT_EQ(machine_group("/machine/qemu-1-web.libvirt-qemu/emulator"),
              "/machine/qemu-1-web.libvirt-qemu");
    EXPECT_EQ(machine_group("/qemu.slice/100.scope"), "/qemu.slice/100.scope");
}

// Whoever takes the group of a QEMU that was started by hand charges the VM with a whole session,
// or with libvirtd and all that it started.
TEST(MachineGroup, IsNotAGroupThatOthersShare) {
    for (const char* path :
         {"/", "", "/system.slice/libvirtd.service", "/user.slice/user-0.slice/session-1.scope",
          "/machine.slice", "/machine.slice/machine-debian.scope", "/qemu.slice", "/100.scope",
          "/user.slice/100.scope", "/qemu.slice/a.scope", "/machine/.libvirt-qemu",
          "/qemu.slice/.scope", "/machine.slice/machine-qemu\\x2d.scope",
          "/machine.slice/machine-lxc\\x2d1\\x2da.scope"}) {
        EXPECT_EQ(machine_group(path), std::nullopt) << path;
    }
}

TEST(MachineGroup, OfAHypervisorInAVmsGroupIsTheInnerOne) {
    EXPECT_EQ(
        machine_group("/machine/qemu-1-a.libvirt-qemu/emulator/machine/qemu-2-b.libvirt-qemu/x"),
        "/machine/qemu-1-a.libvirt-qemu/emulator/machine/qemu-2-b.libvirt-qemu");
}

TEST(VmCgroup, OfVersionOneIsPreferredWhereBothAreMounted) {
    const auto mounts = parse_cgroup_mounts("1 0 0:1 / /v1 rw - cgroup c rw,cpuacct\n"
                                            "2 0 0:2 / /v2 rw - cgroup2 c rw\n");
    const auto both = find_process_cgroup(
        mounts,
        parse_cgroup_memberships("2:cpuacct:/qemu.slice/1.scope\n0::/qemu.slice/2.scope\n"));
    ASSERT_TRUE(both);
    EXPECT_EQ(both->folder, "/v1/qemu.slice/1.scope");
    EXPECT_FALSE(both->is_v2);
    const auto only_v2 = find_process_cgroup(
        mounts, parse_cgroup_memberships("2:cpuacct:/\n0::/qemu.slice/2.scope\n"));
    ASSERT_TRUE(only_v2);
    EXPECT_EQ(only_v2->folder, "/v2/qemu.slice/2.scope");
    EXPECT_TRUE(only_v2->is_v2);
}

// Seen with cpu and cpuacct mounted apart: libvirt made groups for cpu only.
TEST(VmCgroup, IsFoundByAnyControllerThatHasIt) {
    const auto mounts = parse_cgroup_mounts("1 0 0:1 / /cpu rw - cgroup c rw,cpu\n"
                                            "2 0 0:2 / /cpuacct rw - cgroup c rw,cpuacct\n");
    const auto found = find_process_cgroup(
        mounts,
        parse_cgroup_memberships("2:cpuacct:/\n1:cpu:/machine/qemu-1-a.libvirt-qemu/emulator\n"));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->folder, "/cpu/machine/qemu-1-a.libvirt-qemu");
}

TEST(VmCgroup, ThatIsNotMountedIsNone) {
    const auto memberships =
        parse_cgroup_memberships("2:cpu:/qemu.slice/1.scope\n0::/qemu.slice/1.scope\n");
    EXPECT_FALSE(find_process_cgroup({}, memberships));
    EXPECT_FALSE(find_process_cgroup(parse_cgroup_mounts("1 0 0:1 / /m rw - cgroup c rw,memory\n"),
                                     memberships));
    EXPECT_FALSE(find_memory_cgroup(parse_cgroup_mounts("1 0 0:1 / /c rw - cgroup c rw,cpu\n"),
                                    memberships));
}

TEST(CgroupProcesses, AreThoseOfAllGroupsBelowEachOnce) {
    const FakeTree tree;
    tree.file("vm/cgroup.procs", "5\n3\n");
    tree.file("vm/libvirt/cgroup.procs", "3\n7\n");
    tree.file("vm/libvirt/emulator/cgroup.procs", "9\n");
    tree.file("vm/libvirt/vcpu0/cgroup.procs", "11\n");
    tree.file("vm/libvirt/iothread2/cgroup.procs", "12\n");
    tree.file("other/cgroup.procs", "13\n");
    EXPECT_THAT(list_cgroup_processes(tree.root() / "vm"), ElementsAre(3, 5, 7, 9));
}

TEST(CgroupProcesses, OfAGroupThatIsNotThereAreNone) {
    const FakeTree tree;
    EXPECT_THAT(list_cgroup_processes(tree.root() / "vm"), IsEmpty());
}

TEST(CgroupProcesses, AreBoundedInNumberAndDepth) {
    const FakeTree tree;
    std::string many;
    for (int pid = 1; pid <= 5000; ++pid) {
        many += std::to_string(pid) + "\n";
    }
    tree.file("vm/cgroup.procs", many);
    EXPECT_THAT(list_cgroup_processes(tree.root() / "vm"), SizeIs(kMostPids));
    std::string deep = "deep";
    for (int level = 0; level < 10; ++level) {
        tree.file(deep + "/cgroup.procs", std::to_string(level + 1) + "\n");
        deep += "/d";
    }
    EXPECT_THAT(list_cgroup_processes(tree.root() / "deep"), SizeIs(4));
}

TEST(CgroupProcesses, OfAnotherPidNamespaceAreLeftOut) {
    EXPECT_THAT(parse_pids("0\n0\n17\n"), ElementsAre(17));
    EXPECT_THAT(parse_pids("12 13 \nx -4 99999999999999999999 4294967297\n"), ElementsAre(12, 13));
    EXPECT_THAT(parse_pids(""), IsEmpty());
}

} // namespace
} // namespace wattvisor::host
