// SPDX-License-Identifier: Apache-2.0
#include "common/usage/cgroup_text.hpp"

#include "common/base/text_file.hpp"

#include <algorithm>
#include <utility>

namespace wattvisor {

namespace {

std::string_view take_until(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return part;
}

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

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

} // namespace

std::string unescape_mount_text(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
            is_octal(text[i + 2]) && is_octal(text[i + 3])) {
            plain += static_cast<char>(((text[i + 1] - '0') * 64) + ((text[i + 2] - '0') * 8) +
                                       (text[i + 3] - '0'));
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

namespace {

// "33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpuacct"
std::optional<CgroupMount> parse_mount(std::string_view line) {
    CgroupMount mount;
    for (int field = 0; field < 3; ++field) {
        take_until(line, ' '); // ids and device
    }
    mount.root = unescape_mount_text(take_until(line, ' '));
    mount.mount_point = unescape_mount_text(take_until(line, ' '));
    while (!line.empty() && take_until(line, ' ') != "-") { // options, optional fields
    }
    const std::string_view type = take_until(line, ' ');
    take_until(line, ' '); // source
    if ((type != "cgroup" && type != "cgroup2") || mount.mount_point.empty()) {
        return std::nullopt;
    }
    mount.is_v2 = type == "cgroup2";
    if (!mount.is_v2) {
        mount.controllers = split(trim(line), ',');
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
