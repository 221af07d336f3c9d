// SPDX-License-Identifier: Apache-2.0
#include "common/machine/disk_space.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wattvisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> points(const std::string& mountinfo) {
    std::vector<std::string> names;
    for (const DiskMount& mount : parse_disk_mounts(mountinfo)) {
        names.push_back(mount.device + " " + mount.mount_point);
    }
    return names;
}

constexpr const char* kRoot = "22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n";

TEST(DiskMounts, AreThoseOnDevices) {
    EXPECT_THAT(points(std::string(kRoot) +
                       "23 22 0:21 / /proc rw - proc proc rw\n"
                       "24 22 0:5 / /dev rw - devtmpfs udev rw\n"
                       "25 22 0:30 / /run rw - tmpfs tmpfs rw\n"
                       "26 22 8:17 / /srv rw master:2 shared:9 - xfs /dev/sdb1 rw\n"
                       "27 22 0:44 / /home rw - btrfs /dev/mapper/home rw\n"
                       "28 22 0:50 / /share rw - virtiofs scaphandre rw\n"),
                ElementsAre("/dev/sda2 /", "/dev/sdb1 /srv", "/dev/mapper/home /home"));
}

// Scaphandre keeps only one of all disks, since its table has one row per name.
TEST(DiskMounts, AreOnePerDevice) {
    EXPECT_THAT(points("30 1 8:17 /pods/1 /var/lib/a rw - xfs /dev/sdb1 rw\n"
                       "31 1 8:17 / /srv rw - xfs /dev/sdb1 rw\n"
                       "32 1 8:17 / /srv2 rw - xfs /dev/sdb1 rw\n"),
                ElementsAre("/dev/sdb1 /srv"));
}

// Whoever asks a hung server never comes back, also when he only walks over it to a disk behind.
TEST(DiskMounts, LeaveOutWhatMayHang) {
    EXPECT_THAT(points(std::string(kRoot) + "40 22 0:60 / /mnt/nfs rw - nfs4 server:/x rw\n"
                                            "41 40 8:33 / /mnt/nfs/disk rw - ext4 /dev/sdc1 rw\n"
                                            "42 22 8:49 / /mnt/nfs2 rw - ext4 /dev/sdd1 rw\n"
                                            "43 22 0:61 / /auto rw - autofs systemd-1 rw\n"
                                            "44 43 8:65 / /auto/usb rw - vfat /dev/sde1 rw\n"
                                            "45 22 0:70 / /fuse rw - fuseblk /dev/sdf1 rw\n"
                                            "46 22 0:71 / /fuse2 rw - fuse.sshfs me@there: rw\n"),
                ElementsAre("/dev/sda2 /", "/dev/sdd1 /mnt/nfs2"));
    EXPECT_THAT(points("1 0 0:9 / / rw - 9p rootfs rw\n" + std::string(kRoot)), IsEmpty());
}

TEST(DiskMounts, HaveTheirNamesWithoutTheKernelsEscapes) {
    const auto mounts = parse_disk_mounts(
        "50 1 8:2 / /with\\040blank\\011tab\\012line\\134back rw - ext4 /dev/disk\\040one rw\n");
    ASSERT_THAT(mounts, SizeIs(1));
    EXPECT_EQ(mounts[0].mount_point, "/with blank\ttab\nline\\back");
    EXPECT_EQ(mounts[0].device, "/dev/disk one");
    EXPECT_EQ(mounts[0].number, "8:2");
}

TEST(DiskMounts, AreBounded) {
    std::string many;
    for (int i = 0; i < 5000; ++i) {
        many += "1 0 9:" + std::to_string(i) + " / /m" + std::to_string(i) + " rw - ext4 /dev/x" +
                std::to_string(i) + " rw\n";
    }
    EXPECT_THAT(parse_disk_mounts(many), SizeIs(kMostDisks));
}

TEST(DiskMounts, AreNotInOtherTexts) {
    for (const std::string& text :
         {std::string(), std::string("\n\n"), std::string("22 1 8:2 / /"),
          std::string("22 1 8:2 / / rw - ext4"),
          std::string("22 1 8:2 / relative rw - ext4 /dev/x"), std::string("- - - - - -"),
          std::string(10'000, ' '), std::string("\0\0", 2)}) {
        EXPECT_THAT(parse_disk_mounts(text), IsEmpty()) << text;
    }
}

} // namespace
} // namespace wattvisor
