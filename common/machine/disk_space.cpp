// SPDX-License-Identifier: Apache-2.0
#include "common/machine/disk_space.hpp"

#include "common/base/mount_text.hpp"
#include "common/base/text_file.hpp"
#include "common/usage/process_clock.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <sys/statvfs.h>
#include <utility>

namespace wattvisor {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLongestMountTable = 8UL << 20U; // a host of many containers has thousands

constexpr std::array<std::string_view, 13> kOnDisk{
    "ext2", "ext3",  "ext4",     "xfs",   "btrfs",  "f2fs",    "jfs",
    "vfat", "exfat", "bcachefs", "ntfs3", "nilfs2", "reiserfs"};
// Answered out of the kernel's memory: harmless on the way to a disk.
constexpr std::array<std::string_view, 8> kInMemory{"rootfs",  "tmpfs", "ramfs", "devtmpfs",
                                                    "overlay", "sysfs", "proc",  "squashfs"};

template <std::size_t count>
bool is_one_of(std::string_view text, const std::array<std::string_view, count>& list) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

struct Mount {
    DiskMount disk;
    std::string root; // of the file system, what is mounted
};

std::optional<Mount> parse_mount(std::string_view text) {
    MountLine line = parse_mount_line(text);
    if (line.type.empty() || !line.mount_point.starts_with('/')) {
        return std::nullopt;
    }
    Mount mount;
    mount.disk.number = line.device_number;
    mount.disk.mount_point = std::move(line.mount_point);
    mount.disk.file_system = line.type;
    mount.disk.device = std::move(line.source);
    mount.root = std::move(line.root);
    return mount;
}

bool lies_below(std::string_view path, std::string_view folder) {
    return folder == "/" || (path.starts_with(folder) &&
                             (path.size() == folder.size() || path[folder.size()] == '/'));
}

bool is_disk(const Mount& mount) {
    return is_one_of(mount.disk.file_system, kOnDisk) && mount.disk.device.starts_with("/dev/");
}

bool may_hang(const Mount& mount) {
    return !is_one_of(mount.disk.file_system, kOnDisk) &&
           !is_one_of(mount.disk.file_system, kInMemory);
}

// The folder in /sys of the disk that a partition is on, or of the device itself.
fs::path queue_owner(const fs::path& sys_root, const DiskMount& mount) {
    std::error_code error;
    for (const fs::path& link : {sys_root / "dev/block" / mount.number,
                                 sys_root / "class/block" / fs::path(mount.device).filename()}) {
        fs::path device = fs::canonical(link, error);
        if (error) {
            continue;
        }
        if (fs::exists(device / "queue", error)) {
            return device;
        }
        if (fs::exists(device.parent_path() / "queue", error)) {
            return device.parent_path();
        }
    }
    return {};
}

std::optional<std::uint64_t> number_in(const fs::path& file) {
    const auto text = read_text(file, 64);
    return text ? parse_number(*text) : std::nullopt;
}

} // namespace

std::vector<DiskMount> parse_disk_mounts(std::string_view mountinfo) {
    std::vector<Mount> mounts;
    while (!mountinfo.empty()) {
        if (auto mount = parse_mount(take_until(mountinfo, '\n'))) {
            mounts.push_back(std::move(*mount));
        }
    }
    std::vector<const Mount*> dangers;
    for (const Mount& mount : mounts) {
        if (may_hang(mount)) {
            dangers.push_back(&mount);
        }
    }
    std::vector<const Mount*> chosen;
    for (const Mount& mount : mounts) {
        const bool is_behind_danger =
            std::any_of(dangers.begin(), dangers.end(), [&mount](const Mount* danger) {
                return lies_below(mount.disk.mount_point, danger->disk.mount_point);
            });
        if (!is_disk(mount) || is_behind_danger) {
            continue;
        }
        const auto same = std::find_if(chosen.begin(), chosen.end(), [&mount](const Mount* other) {
            return other->disk.number == mount.disk.number;
        });
        if (same == chosen.end()) {
            if (chosen.size() < kMostDisks) {
                chosen.push_back(&mount);
            }
        } else if (mount.root == "/" && (*same)->root != "/") {
            *same = &mount; // a folder of it was mounted before all of it
        }
    }
    std::vector<DiskMount> disks;
    disks.reserve(chosen.size());
    for (const Mount* mount : chosen) {
        disks.push_back(mount->disk);
    }
    return disks;
}

std::vector<Disk> read_disks(const fs::path& proc_root, const fs::path& sys_root) {
    const bool is_own = is_live_proc(proc_root);
    const auto table =
        read_text(proc_root / (is_own ? "self" : "1") / "mountinfo", kLongestMountTable);
    std::vector<Disk> disks;
    if (!table) {
        return disks;
    }
    for (DiskMount& mount : parse_disk_mounts(*table)) {
        fs::path place = is_own ? fs::path(mount.mount_point)
                                : proc_root / "1/root" / mount.mount_point.substr(1);
        struct statvfs space {};
        if (::statvfs(place.c_str(), &space) != 0 || space.f_blocks == 0) {
            continue;
        }
        Disk& disk = disks.emplace_back();
        disk.total_bytes = space.f_blocks * space.f_frsize;
        disk.available_bytes = space.f_bavail * space.f_frsize;
        const fs::path owner = queue_owner(sys_root, mount);
        const auto rotational =
            owner.empty() ? std::nullopt : number_in(owner / "queue/rotational");
        disk.type = rotational ? (*rotational == 0 ? "SSD" : "HDD") : "Unknown";
        disk.removable = !owner.empty() && number_in(owner / "removable") == std::uint64_t{1};
        disk.name = std::move(mount.device);
        disk.mount_point = std::move(mount.mount_point);
        disk.file_system = std::move(mount.file_system);
    }
    return disks;
}

} // namespace wattvisor
