// SPDX-License-Identifier: Apache-2.0
// Where control groups are mounted and which groups a process is in, out of the kernel's texts, for
// v1, v2 and both at once. Pure functions, any thread. A group's name may hold any byte but a
// newline and a slash; a path that climbs ("..", as another namespace's groups are shown) is none.
// Sources: cgroups(7), Documentation/filesystems/proc.rst (3.5).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

struct CgroupMount {
    std::filesystem::path mount_point;
    std::string root; // the group that is mounted; "/" if all are
    bool is_v2 = false;
    std::vector<std::string> controllers; // v1: "cpu", "cpuacct", "name=systemd"

    [[nodiscard]] bool has(std::string_view controller) const;
};

// From /proc/PID/mountinfo, in its order.
[[nodiscard]] std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo);

// One line of /proc/PID/cgroup.
struct CgroupMembership {
    bool is_v2 = false; // "0::/path"
    std::vector<std::string> controllers;
    std::string path; // begins with a slash

    [[nodiscard]] bool has(std::string_view controller) const;
};

[[nodiscard]] std::vector<CgroupMembership> parse_cgroup_memberships(std::string_view text);

// The folder of the group `path` below the mount; none where the mount shows another part of the
// hierarchy, or where the path climbs.
[[nodiscard]] std::optional<std::filesystem::path> cgroup_folder(const CgroupMount& mount,
                                                                 std::string_view path);

} // namespace wattvisor
