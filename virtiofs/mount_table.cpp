// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/mount_table.hpp"

#include "common/base/mount_text.hpp"
#include "common/base/text_file.hpp"

#include <charconv>
#include <optional>
#include <sys/sysmacros.h>
#include <utility>

namespace wattvisor {

namespace {

// A host of 1,000 VMs and as many containers has some 10,000 lines of 200 bytes.
constexpr std::size_t kLargestTable = std::size_t{16} << 20U;

template <typename Number>
std::optional<Number> to_number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

std::optional<MountEntry> entry_of(MountLine mount) {
    std::string_view rest = mount.device_number;
    const auto major_number = to_number<unsigned>(take_until(rest, ':'));
    const auto minor_number = to_number<unsigned>(rest);
    const auto id = to_number<int>(mount.id);
    const auto parent = to_number<int>(mount.parent_id);
    if (!id || !parent || !major_number || !minor_number || mount.mount_point.empty() ||
        mount.type.empty()) {
        return std::nullopt;
    }
    MountEntry entry;
    entry.id = *id;
    entry.parent_id = *parent;
    entry.device = makedev(*major_number, *minor_number);
    entry.root = std::move(mount.root);
    entry.mount_point = std::move(mount.mount_point);
    entry.fs_type = std::move(mount.type);
    entry.source = std::move(mount.source);
    return entry;
}

} // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
    std::vector<MountEntry> entries;
    while (!text.empty()) {
        if (auto entry = entry_of(parse_mount_line(take_until(text, '\n')))) {
            entries.push_back(std::move(*entry));
        }
    }
    return entries;
}

Result<std::vector<MountEntry>> read_mounts() {
    const auto text = read_text("/proc/self/mountinfo", kLargestTable);
    if (!text) {
        return text.error();
    }
    return parse_mountinfo(*text);
}

} // namespace wattvisor
