// SPDX-License-Identifier: Apache-2.0
// Makes and removes the two folders of a VM's share: a small private tmpfs that the agent writes,
// and the read-only bind mount of it that virtiofs exports, which is what keeps a guest from
// writing (libvirt before 11 knows no read-only virtiofs). For the libvirt hook and for the agent's
// tidying up; needs CAP_SYS_ADMIN and the host's mount namespace. Blocks on mount(2), so never on
// the Asio thread. Follows no symbolic link below `root` and `run_dir`, deletes no file, and never
// unmounts what it did not mount.
#pragma once

#include "common/base/error.hpp"
#include "virtiofs/share_paths.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

enum class ShareState {
    made,     // at least one of the two mounts is new
    kept,     // both were there
    handmade, // somebody mounted something else there, as Scaphandre's documents say: left alone
};

struct MadeShare {
    std::filesystem::path exported;
    std::filesystem::path writable; // not there for a handmade share
    ShareState state = ShareState::made;
};

// Idempotent. When a step fails, what the others made is undone.
[[nodiscard]] Result<MadeShare> make_share(const ShareSettings& settings, std::string_view uuid,
                                           std::string_view name);

struct RemovedShare {
    std::vector<std::filesystem::path> unmounted;
    std::vector<std::filesystem::path> removed; // folders
};

// Idempotent: what is not there counts as removed. Finds where the share is exported in the
// kernel's table of mounts, so that a VM renamed since leaves nothing; without a name, that alone.
// Works while a guest or a shell still has files of it open.
[[nodiscard]] Result<RemovedShare> remove_share(const ShareSettings& settings,
                                                std::string_view uuid, std::string_view name = {});

// The UUIDs that have a writable folder, ordered; what a crashed host left is found here. An absent
// run_dir has none.
[[nodiscard]] std::vector<std::string> list_shares(const std::filesystem::path& run_dir);

// The exported folder without any mount, for hosts where mounting is not permitted: virtiofsd needs
// a folder, or the VM does not start.
[[nodiscard]] Result<std::filesystem::path>
make_plain_folder(const ShareSettings& settings, std::string_view uuid, std::string_view name);

} // namespace wattvisor
