// SPDX-License-Identifier: Apache-2.0
// The lines of /proc/PID/mountinfo, see proc(5). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace wattvisor {

// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"; what a line
// lacks is empty.
struct MountLine {
    std::string_view id;
    std::string_view parent_id;
    std::string_view device_number; // "98:0"
    std::string root;               // of the file system, what is mounted
    std::string mount_point;
    std::string type;
    std::string source;
    std::string_view options; // of the file system
};

// The views are of `line`.
[[nodiscard]] MountLine parse_mount_line(std::string_view line);

} // namespace wattvisor
