// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/share_folders.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace wattvisor {

namespace fs = std::filesystem;

namespace {

constexpr int kOpenPlace = O_PATH | O_DIRECTORY | O_CLOEXEC;
constexpr unsigned long kHarmless = MS_NOSUID | MS_NODEV | MS_NOEXEC;

// The largest tree is that of 40 zones (kMaxShareZones): 8 sockets with package, core, uncore and
// dram are 32, psys comes beside. A zone has two folders and four files of one page each; a hard
// link counts as an inode too (shmem_link), so a zone takes 10. With the root, the control type
// and wattvisor/ that is 405 inodes and 162 pages. In pages, not bytes: a page of arm64 may be
// 64 KiB.
constexpr const char* kTmpfsOptions = "nr_blocks=256,nr_inodes=512,mode=0755";

constexpr const char* kMountHint = "Mounting needs root with CAP_SYS_ADMIN";

std::string magic_link(const Place& place) {
    return "/proc/self/fd/" + std::to_string(place.fd.get());
}

Error not_a_folder(int errno_value, const fs::path& path) {
    if (errno_value != ENOTDIR && errno_value != ELOOP) {
        return system_error(errno_value, path.string());
    }
    return Error{Severity::fatal, "in the way: a file or a symbolic link, not a folder",
                 path.string(), "Look at it with 'ls -ld' and remove it"};
}

Result<bool> checked(int result, const Place& place) {
    if (result != 0) {
        const int error = errno;
        return system_error(error, place.path.string(),
                            error == EPERM || error == EACCES ? kMountHint : "");
    }
    return true;
}

} // namespace

Result<Place> open_base(const fs::path& path, IfMissing if_missing) {
    Place place{FileDescriptor(::open(path.c_str(), kOpenPlace)), path};
    if (!place.fd && errno == ENOENT && if_missing == IfMissing::make) {
        std::error_code error;
        fs::create_directories(path, error);
        if (error) {
            return system_error(error.value(), path.string());
        }
        // The energy of a VM tells what happens in it (PLATYPUS): no business of other users here.
        ::chmod(path.c_str(), 0700);
        place.fd = FileDescriptor(::open(path.c_str(), kOpenPlace));
    }
    if (!place.fd) {
        return not_a_folder(errno, path);
    }
    return place;
}

Result<Place> open_below(const Place& parent, const std::string& name, IfMissing if_missing,
                         mode_t mode) {
    Place place{{}, parent.path / name};
    if (if_missing == IfMissing::make) {
        place.is_new = ::mkdirat(parent.fd.get(), name.c_str(), mode) == 0;
        if (!place.is_new && errno != EEXIST) {
            return system_error(errno, place.path.string());
        }
    }
    place.fd = FileDescriptor(::openat(parent.fd.get(), name.c_str(), kOpenPlace | O_NOFOLLOW));
    if (!place.fd) {
        return not_a_folder(errno, place.path);
    }
    return place;
}

fs::path kernel_path(const Place& place) {
    std::error_code error;
    const fs::path path = fs::read_symlink(magic_link(place), error);
    return error ? place.path : path;
}

dev_t device_of(const Place& place) {
    struct stat status {};
    return ::fstat(place.fd.get(), &status) == 0 ? status.st_dev : 0;
}

bool is_mount_point(const Place& parent, const Place& folder) {
    // Linux 5.8 and later say it; before, a bind mount of the same file system is not noticed.
    struct statx status {};
    if (::statx(folder.fd.get(), "", AT_EMPTY_PATH, STATX_INO, &status) == 0 &&
        (status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0) {
        return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    }
    return device_of(parent) != device_of(folder);
}

bool is_read_only(const Place& place) {
    struct statvfs status {};
    return ::fstatvfs(place.fd.get(), &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

Result<bool> mount_tmpfs(const Place& target) {
    return checked(
        ::mount(kMountSource, magic_link(target).c_str(), "tmpfs", kHarmless, kTmpfsOptions),
        target);
}

Result<bool> bind(const Place& source, const Place& target) {
    return checked(
        ::mount(magic_link(source).c_str(), magic_link(target).c_str(), nullptr, MS_BIND, nullptr),
        target);
}

Result<bool> make_read_only(const Place& target) {
    // In a second step: the kernel ignores MS_RDONLY when a bind mount is made, see mount(2).
    return checked(::mount(nullptr, magic_link(target).c_str(), nullptr,
                           MS_REMOUNT | MS_BIND | MS_RDONLY | kHarmless, nullptr),
                   target);
}

Result<bool> unmount(const Place& parent, const std::string& name) {
    // Through the parent: UMOUNT_NOFOLLOW would not follow the folder's own magic link.
    const std::string path = magic_link(parent) + "/" + name;
    const Place shown{{}, parent.path / name};
    return checked(::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW), shown);
}

bool remove_folder(const Place& parent, const std::string& name) {
    return ::unlinkat(parent.fd.get(), name.c_str(), AT_REMOVEDIR) == 0;
}

} // namespace wattvisor
