// SPDX-License-Identifier: Apache-2.0
#include "common/usage/cgroup_text.hpp"

#include "common/base/mount_text.hpp"
#include "common/base/text_file.hpp"

#include <algorithm>
#include <utility>

namespace wattvisor {

namespace {

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        parts.emplace_back(take_until(text, separator));
    }
    return parts;
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::optional<CgroupMount> parse_mount(std::string_view text) {
    MountLine line = parse_mount_line(text);
    if ((line.type != "cgroup" && line.type != "cgroup2") || line.mount_point.empty()) {
        return std::nullopt;
    }
    CgroupMount mount;
    mount.root = std::move(line.root);
    mount.mount_point = std::move(line.mount_point);
    mount.is_v2 = line.type == "cgroup2";
    if (!mount.is_v2) {
        mount.controllers = split(trim(line.options), ',');
    }
    return mount;
}

bool climbs(std::string_view path) {
    while (!path.empty()) {
        if (take_until(path, '/') == "..") {
            return true;
        }
    }
    return false;
}

} // namespace

bool CgroupMount::has(std::string_view controller) const {
    return contains(controllers, controller);
}

bool CgroupMembership::has(std::string_view controller) const {
    return contains(controllers, controller);
}

std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo) {
    std::vector<CgroupMount> mounts;
    while (!mountinfo.empty()) {
        if (auto mount = parse_mount(take_until(mountinfo, '\n'))) {
            mounts.push_back(std::move(*mount));
        }
    }
    return mounts;
}

std::vector<CgroupMembership> parse_cgroup_memberships(std::string_view text) {
    std::vector<CgroupMembership> memberships;
    while (!text.empty()) {
        std::string_view line = take_until(text, '\n');
        const std::string_view id = take_until(line, ':');
        const std::string_view controllers = take_until(line, ':');
        if (!parse_number(id) || !line.starts_with('/')) {
            continue;
        }
        CgroupMembership membership;
        membership.is_v2 = id == "0" && controllers.empty();
        membership.controllers = split(controllers, ',');
        membership.path = line;
        memberships.push_back(std::move(membership));
    }
    return memberships;
}

std::optional<std::filesystem::path> cgroup_folder(const CgroupMount& mount,
                                                   std::string_view path) {
    const std::string_view root = mount.root == "/" ? std::string_view() : mount.root;
    if (!path.starts_with('/') || climbs(path) || climbs(root) || !path.starts_with(root)) {
        return std::nullopt;
    }
    path.remove_prefix(root.size());
    if (!path.empty() && path.front() != '/') {
        return std::nullopt; // "/a" is mounted, "/ab" is asked for
    }
    while (path.starts_with('/')) {
        path.remove_prefix(1);
    }
    return path.empty() ? mount.mount_point : mount.mount_point / path;
}

} // namespace wattvisor
