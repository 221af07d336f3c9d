// SPDX-License-Identifier: Apache-2.0
// Where the two sides of a VM's share are: the folder that virtiofs exports and the private folder
// that the host agent writes. One place for it, because the agent, the libvirt hook and enroll must
// agree, and because a VM's name is hostile text that becomes a path here and nowhere else. Pure
// functions, any thread. Never touches the file system.
#pragma once

#include "common/base/error.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace wattvisor {

enum class ShareFolderNaming { name, uuid };

struct ShareSettings {
    std::filesystem::path root = "/var/lib/libvirt/scaphandre"; // the exported folders
    std::filesystem::path run_dir = "/run/wattvisor";           // the writable ones, in shares/
    ShareFolderNaming folder = ShareFolderNaming::name;

    friend bool operator==(const ShareSettings&, const ShareSettings&) = default;
};

// The folder of `run_dir` that holds one writable folder per UUID.
inline constexpr const char* kWritableSharesFolder = "shares";

// The name if it can be a folder's: 1 to 255 bytes, not "." or "..", no slash, no control
// character. libvirt allows nearly everything else: blanks, commas, '=', any UTF-8.
[[nodiscard]] Result<std::string> check_domain_name(std::string_view name);

// The UUID in libvirt's form, 36 characters in lower case, whatever case it came in.
[[nodiscard]] Result<std::string> normalise_uuid(std::string_view uuid);

// <root>/<name> or, by settings.folder, <root>/<uuid>. The UUID must be valid in both cases.
[[nodiscard]] Result<std::filesystem::path>
exported_share_folder(const ShareSettings& settings, std::string_view uuid, std::string_view name);

// What the folder of a VM that is enrolled now is called: what the settings say, but the UUID where
// virtiofsd could not take a path with the name in it. It splits its options at commas, and one or
// the other version of it trips over '=' and '\\' (docs/adr/0010-share-folder-by-uuid.md).
[[nodiscard]] ShareFolderNaming naming_for(const ShareSettings& settings, std::string_view name);

// Which naming the folder of an enrolled VM follows, whatever the settings say now; none if it is
// neither <root>/<name> nor <root>/<uuid>, and so not ours to touch.
[[nodiscard]] std::optional<ShareFolderNaming> naming_of(const ShareSettings& settings,
                                                         std::string_view uuid,
                                                         std::string_view name,
                                                         std::string_view source);

// <run_dir>/shares/<uuid>; the empty path, which opens nothing, for what is no UUID.
[[nodiscard]] std::filesystem::path writable_share_folder(const ShareSettings& settings,
                                                          std::string_view uuid);

} // namespace wattvisor
