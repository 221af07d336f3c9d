// SPDX-License-Identifier: Apache-2.0
#include "common/usage/cgroup_text.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kV1Mounts =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:2 - cgroup cgroup "
    "rw,cpu,cpuacct\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(CgroupMounts, AreFoundWithTheirControllers) {
    const auto mounts = parse_cgroup_mounts(kV1Mounts);
    ASSERT_THAT(mounts, SizeIs(3));
    EXPECT_EQ(mounts[0].mount_point, "/sys/fs/cgroup/cpu,cpuacct");
    EXPECT_EQ(mounts[0].root, "/");
    EXPECT_TRUE(mounts[0].has("cpuacct"));
    EXPECT_FALSE(mounts[0].has("memory"));
    EXPECT_FALSE(mounts[0].is_v2);
    EXPECT_TRUE(mounts[1].has("name=systemd"));
    EXPECT_TRUE(mounts[2].is_v2);
}

TEST(CgroupMounts, WithEscapedBytesAreUnescaped) {
    const auto mounts =
        parse_cgroup_mounts("1 2 0:3 /a\\134x2db /mnt/with\\040blank rw - cgroup2 c rw\n");
    ASSERT_THAT(mounts, SizeIs(1));
    EXPECT_EQ(mounts[0].mount_point, "/mnt/with blank");
    EXPECT_EQ(mounts[0].root, "/a\\x2db");
}

TEST(CgroupMounts, InABrokenTextAreNone) {
    for (const char* text : {"", "\n\n", "33 31 0:30", "1 2 3 4 5 6 -",
                             "1 2 0:3 / /m rw - ext4 d rw", "1 2 0:3 / /m rw cgroup cgroup rw"}) {
        EXPECT_THAT(parse_cgroup_mounts(text), IsEmpty()) << text;
    }
}

TEST(CgroupMemberships, OfBothVersionsAreRead) {
    const auto memberships =
        parse_cgroup_memberships("9:name=systemd:/a:b\n4:cpu,cpuacct:/machine/x/emulator\n0::/c\n");
    ASSERT_THAT(memberships, SizeIs(3));
    EXPECT_EQ(memberships[0].path, "/a:b"); // a group may have a colon in its name
    EXPECT_THAT(memberships[1].controllers, ElementsAre("cpu", "cpuacct"));
    EXPECT_FALSE(memberships[1].is_v2);
    EXPECT_TRUE(memberships[2].is_v2);
    EXPECT_EQ(memberships[2].path, "/c");
}

TEST(CgroupMemberships, InABrokenTextAreNone) {
    for (const char* text : {"", "\n", "0:", "0::", "x::/a", "0::a", "::", "1:cpu"}) {
        EXPECT_THAT(parse_cgroup_memberships(text), IsEmpty()) << text;
    }
}

TEST(CgroupFolder, IsThePathBelowTheMount) {
    const CgroupMount mount{"/sys/fs/cgroup", "/", true, {}};
    EXPECT_EQ(cgroup_folder(mount, "/a/b"), "/sys/fs/cgroup/a/b");
    EXPECT_EQ(cgroup_folder(mount, "/"), "/sys/fs/cgroup");
    EXPECT_EQ(cgroup_folder(mount, "//a"), "/sys/fs/cgroup/a");
}

TEST(CgroupFolder, OfAPartOfTheHierarchyIsBelowThatPart) {
    const CgroupMount mount{"/cg", "/machine.slice", true, {}};
    EXPECT_EQ(cgroup_folder(mount, "/machine.slice/x"), "/cg/x");
    EXPECT_EQ(cgroup_folder(mount, "/machine.slice"), "/cg");
    EXPECT_EQ(cgroup_folder(mount, "/machine.slices/x"), std::nullopt);
    EXPECT_EQ(cgroup_folder(mount, "/user.slice"), std::nullopt);
}

// The groups of another cgroup namespace are shown as "/../..": a path that would leave the mount.
TEST(CgroupFolder, NeverClimbs) {
    const CgroupMount mount{"/cg", "/", true, {}};
    EXPECT_EQ(cgroup_folder(mount, "/../machine.slice/x"), std::nullopt);
    EXPECT_EQ(cgroup_folder(mount, "/a/.."), std::nullopt);
    EXPECT_EQ(cgroup_folder(mount, "a"), std::nullopt);
    EXPECT_EQ(cgroup_folder({"/cg", "/..", true, {}}, "/../x"), std::nullopt);
    EXPECT_EQ(cgroup_folder(mount, "/..a/b.."), "/cg/..a/b..");
}

} // namespace
} // namespace wattvisor
