// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/share_paths.hpp"

#include "common/cli/safe_text.hpp"

#include <algorithm>

namespace wattvisor {

namespace {

constexpr std::size_t kLongestName = 255; // NAME_MAX of linux/limits.h
constexpr std::size_t kUuidLength = 36;
constexpr std::size_t kShownName = 60;

bool is_control(char character) {
    const auto byte = static_cast<unsigned char>(character);
    return byte < 0x20 || byte == 0x7f;
}

Error bad_name(std::string_view name, const char* why) {
    return Error{Severity::fatal, std::string("a VM of this name cannot have a folder: ") + why,
                 "VM '" + printable(name, kShownName) + "'",
                 "Name the share's folder by UUID (shares: folder: uuid) or rename the VM with "
                 "'virsh domrename'"};
}

// '\0' for what is no hexadecimal digit. Not isxdigit(): its answer depends on the locale.
char lower_hex_digit(char character) {
    if ((character >= '0' && character <= '9') || (character >= 'a' && character <= 'f')) {
        return character;
    }
    if (character >= 'A' && character <= 'F') {
        return static_cast<char>(character - 'A' + 'a');
    }
    return '\0';
}

bool is_dash_place(std::size_t place) {
    return place == 8 || place == 13 || place == 18 || place == 23;
}

} // namespace

Result<std::string> check_domain_name(std::string_view name) {
    if (name.empty()) {
        return bad_name(name, "it is empty");
    }
    if (name == "." || name == "..") {
        return bad_name(name, "it means another folder");
    }
    if (name.find('/') != std::string_view::npos) {
        return bad_name(name, "it holds a slash");
    }
    if (std::ranges::any_of(name, is_control)) {
        return bad_name(name, "it holds a control character");
    }
    if (name.size() > kLongestName) {
        return bad_name(name, "it is longer than 255 bytes");
    }
    return std::string(name);
}

Result<std::string> normalise_uuid(std::string_view uuid) {
    std::string normal(uuid);
    bool valid = uuid.size() == kUuidLength;
    for (std::size_t i = 0; valid && i < kUuidLength; ++i) {
        if (!is_dash_place(i)) {
            normal[i] = lower_hex_digit(uuid[i]);
        }
        valid = is_dash_place(i) ? uuid[i] == '-' : normal[i] != '\0';
    }
    if (!valid) {
        return Error{Severity::fatal, "not a UUID", "'" + printable(uuid, kShownName) + "'",
                     "A UUID looks like 8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a10; "
                     "'virsh domuuid NAME' shows the one of a VM"};
    }
    return normal;
}

Result<std::filesystem::path> exported_share_folder(const ShareSettings& settings,
                                                    std::string_view uuid, std::string_view name) {
    auto folder = normalise_uuid(uuid);
    if (folder && settings.folder == ShareFolderNaming::name) {
        folder = check_domain_name(name);
    }
    if (!folder) {
        return folder.error();
    }
    return settings.root / *folder;
}

ShareFolderNaming naming_for(const ShareSettings& settings, std::string_view name) {
    return name.find_first_of(",=\\") == std::string_view::npos ? settings.folder
                                                                : ShareFolderNaming::uuid;
}

std::optional<ShareFolderNaming> naming_of(const ShareSettings& settings, std::string_view uuid,
                                           std::string_view name, std::string_view source) {
    ShareSettings tried = settings;
    for (const auto naming : {ShareFolderNaming::name, ShareFolderNaming::uuid}) {
        tried.folder = naming;
        const auto folder = exported_share_folder(tried, uuid, name);
        if (folder && folder->native() == source) {
            return naming;
        }
    }
    return std::nullopt;
}

std::filesystem::path writable_share_folder(const ShareSettings& settings, std::string_view uuid) {
    const auto folder = normalise_uuid(uuid);
    return folder ? settings.run_dir / kWritableSharesFolder / *folder : std::filesystem::path();
}

} // namespace wattvisor
