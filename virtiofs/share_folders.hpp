// SPDX-License-Identifier: Apache-2.0
// The system calls of share_mounts, one step each: folders opened without following links, mounts
// made through open descriptors, so that nobody can swap a path between the check and its use.
// Only for virtiofs/share_mounts.cpp and its tests. Decides nothing.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"

#include <filesystem>
#include <string>
#include <sys/types.h>

namespace wattvisor {

// A folder that was opened only to be a place (O_PATH), and its path for messages.
struct Place {
    FileDescriptor fd;
    std::filesystem::path path;
    bool is_new = false; // made by this call
};

enum class IfMissing { fail, make };

// The administrator's folder: symbolic links are followed here and nowhere below.
[[nodiscard]] Result<Place> open_base(const std::filesystem::path& path, IfMissing if_missing);

// The folder `name` of an open one, and what is mounted on it. `name` must be one component.
[[nodiscard]] Result<Place> open_below(const Place& parent, const std::string& name,
                                       IfMissing if_missing, mode_t mode = 0755);

// The path as the kernel's mount table has it: without links.
[[nodiscard]] std::filesystem::path kernel_path(const Place& place);

[[nodiscard]] dev_t device_of(const Place& place);
[[nodiscard]] bool is_mount_point(const Place& parent, const Place& folder);
[[nodiscard]] bool is_read_only(const Place& place);

// The source that the mount table shows for a tmpfs of ours.
inline constexpr const char* kMountSource = "wattvisor";

[[nodiscard]] Result<bool> mount_tmpfs(const Place& target);
// Mounts `source` over `target`; still writable.
[[nodiscard]] Result<bool> bind(const Place& source, const Place& target);
// `target` must have been opened after bind().
[[nodiscard]] Result<bool> make_read_only(const Place& target);
// Detaches the topmost mount of the folder, also while it is in use.
[[nodiscard]] Result<bool> unmount(const Place& parent, const std::string& name);
// Only an empty one; false if it stays.
bool remove_folder(const Place& parent, const std::string& name);

} // namespace wattvisor
