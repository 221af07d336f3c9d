// SPDX-License-Identifier: Apache-2.0
// The file systems on this machine's disks and how full they are. A file system that somebody else
// serves (NFS, FUSE, virtiofs) may hang whoever asks it or walks over it, so only those are asked
// that the kernel keeps on a device of its own, and only where no other lies on the way there.
#pragma once

#include "common/machine/host_stats.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

inline constexpr std::size_t kMostDisks = 256;

struct DiskMount {
    std::string device;      // "/dev/sda2"
    std::string mount_point; // without the kernel's escapes: hostile bytes
    std::string file_system;
    std::string number; // "8:2"

    friend bool operator==(const DiskMount&, const DiskMount&) = default;
};

// Those that may be asked, of /proc/PID/mountinfo: one of each device, the first that shows the
// whole of it. Pure.
[[nodiscard]] std::vector<DiskMount> parse_disk_mounts(std::string_view mountinfo);

// Where `proc_root` is not our own /proc, mounts are those of its process 1 and reached through
// /proc/1/root. A disk that cannot be asked is left out.
[[nodiscard]] std::vector<Disk> read_disks(const std::filesystem::path& proc_root,
                                           const std::filesystem::path& sys_root);

} // namespace wattvisor
