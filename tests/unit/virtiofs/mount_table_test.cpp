// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/mount_table.hpp"

#include <gmock/gmock.h>

#include <sys/sysmacros.h>

namespace wattvisor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The example of proc.rst, and one without optional fields.
TEST(ParseMountinfo, ReadsTheKernelsExample) {
    EXPECT_THAT(
        parse_mountinfo("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=x\n"
                        "37 36 0:50 / /run/wattvisor/shares/u rw,nosuid - tmpfs wattvisor rw\n"),
        ElementsAre(MountEntry{36, 35, makedev(98, 0), "/mnt1", "/mnt2", "ext3", "/dev/root"},
                    MountEntry{37, 36, makedev(0, 50), "/", "/run/wattvisor/shares/u", "tmpfs",
                               "wattvisor"}));
}

TEST(ParseMountinfo, ReadsHostileNames) {
    const auto mounts = parse_mountinfo(
        "1 2 0:5 / /root/two\\040words,\\011a=b\\134040\\012büro\\043 rw shared:1 master:2 "
        "propagate_from:3 unbindable - tmpfs my\\040source rw\n");
    ASSERT_EQ(mounts.size(), 1U);
    EXPECT_EQ(mounts[0].mount_point, "/root/two words,\ta=b\\040\nbüro#");
    EXPECT_EQ(mounts[0].source, "my source");
}

TEST(ParseMountinfo, LeavesOutWhatItDoesNotUnderstand) {
    EXPECT_THAT(parse_mountinfo(""), IsEmpty());
    EXPECT_THAT(parse_mountinfo("\n\n1 2\n1 2 3 4 5 6 7\nx 2 0:5 / /a rw - tmpfs b rw\n"
                                "1 2 0:x / /a rw - tmpfs b rw\n1 2 0:5 / /a rw no hyphen\n"),
                IsEmpty());
}

TEST(ParseMountinfo, KeepsABrokenEscapeAsItIs) {
    const auto mounts = parse_mountinfo("1 2 0:5 / /a\\9\\04 rw - tmpfs \\ rw");
    ASSERT_EQ(mounts.size(), 1U);
    EXPECT_EQ(mounts[0].mount_point, "/a\\9\\04");
    EXPECT_EQ(mounts[0].source, "\\");
}

TEST(ReadMounts, FindsTheRoot) {
    const auto mounts = read_mounts();
    ASSERT_TRUE(mounts);
    EXPECT_THAT(*mounts, ::testing::Contains(::testing::Field(&MountEntry::mount_point, "/")));
}

} // namespace
} // namespace wattvisor
