// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/mount_table.hpp"

#include "common/base/text_file.hpp"

#include <charconv>
#include <optional>
#include <sys/sysmacros.h>

namespace wattvisor {

namespace {

// A host of 1,000 VMs and as many containers has some 10,000 lines of 200 bytes.
constexpr std::size_t kLargestTable = std::size_t{16} << 20U;

std::string_view take_until(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return part;
}

template <typename Number>
std::optional<Number> to_number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

bool is_octal(char character) {
    return character >= '0' && character <= '7';
}

// The kernel writes blank, tab, newline and backslash as \040, \011, \012 and \134 (seq_path,
// mangle_path in fs/seq_file.c), and '#' in a source as \043.
std::string unescape(std::string_view text) {
    std::string plain;
    plain.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
            is_octal(text[i + 2]) && is_octal(text[i + 3])) {
            const int value =
                ((text[i + 1] - '0') * 64) + ((text[i + 2] - '0') * 8) + (text[i + 3] - '0');
            plain += static_cast<char>(value);
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
std::optional<MountEntry> parse_line(std::string_view line) {
    MountEntry entry;
    const auto id = to_number<int>(take_until(line, ' '));
    const auto parent = to_number<int>(take_until(line, ' '));
    std::string_view device = take_until(line, ' ');
    const auto major_number = to_number<unsigned>(take_until(device, ':'));
    const auto minor_number = to_number<unsigned>(device);
    if (!id || !parent || !major_number || !minor_number) {
        return std::nullopt;
    }
    entry.id = *id;
    entry.parent_id = *parent;
    entry.device = makedev(*major_number, *minor_number);
    entry.root = unescape(take_until(line, ' '));
    entry.mount_point = unescape(take_until(line, ' '));
    take_until(line, ' '); // the mount's options
    // Any number of optional fields, ended by a single hyphen.
    while (!line.empty() && take_until(line, ' ') != "-") {
    }
    entry.fs_type = unescape(take_until(line, ' '));
    entry.source = unescape(take_until(line, ' '));
    if (entry.mount_point.empty() || entry.fs_type.empty()) {
        return std::nullopt;
    }
    return entry;
}

} // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
    std::vector<MountEntry> entries;
    while (!text.empty()) {
        if (auto entry = parse_line(take_until(text, '\n'))) {
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
