// SPDX-License-Identifier: Apache-2.0
// What /proc/self/mountinfo says, as values. The share's code asks it which mounts are ours and
// where an old share is exported, instead of keeping a record that a crash could falsify. Format:
// Documentation/filesystems/proc.rst, section 3.5. Parsing is a pure function, any thread; a line
// that is not understood is left out, since other people's mounts are no business of ours.
#pragma once

#include "common/base/error.hpp"

#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace wattvisor {

struct MountEntry {
    int id = 0;
    int parent_id = 0;
    dev_t device = 0;        // comparable with stat's st_dev
    std::string root;        // the part of the file system that is mounted
    std::string mount_point; // as the calling process sees it
    std::string fs_type;
    std::string source; // free text for tmpfs: what mount(2) was given

    friend bool operator==(const MountEntry&, const MountEntry&) = default;
};

[[nodiscard]] std::vector<MountEntry> parse_mountinfo(std::string_view text);

// The mounts of the calling process's namespace.
[[nodiscard]] Result<std::vector<MountEntry>> read_mounts();

} // namespace wattvisor
