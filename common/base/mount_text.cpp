// SPDX-License-Identifier: Apache-2.0
#include "common/base/mount_text.hpp"

#include "common/base/text_file.hpp"

namespace wattvisor {

namespace {

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

// The kernel writes blank, tab, newline and backslash as \040 and so on (mangle_path in
// fs/seq_file.c), and '#' in a source as \043. libvirt's groups have a backslash in their names:
// machine-qemu\x2d1\x2dweb.scope.
std::string unescape(std::string_view text) {
    std::string plain;
    plain.reserve(text.size());
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

} // namespace

MountLine parse_mount_line(std::string_view line) {
    MountLine mount;
    mount.id = take_until(line, ' ');
    mount.parent_id = take_until(line, ' ');
    mount.device_number = take_until(line, ' ');
    mount.root = unescape(take_until(line, ' '));
    mount.mount_point = unescape(take_until(line, ' '));
    while (!line.empty() && take_until(line, ' ') != "-") { // options, optional fields
    }
    mount.type = unescape(take_until(line, ' '));
    mount.source = unescape(take_until(line, ' '));
    mount.options = line;
    return mount;
}

} // namespace wattvisor
