// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/share_settings_yaml.hpp"

#include <array>
#include <span>
#include <utility>

namespace wattvisor {

namespace {

constexpr std::array kFolders{YamlChoice<ShareFolderNaming>{"name", ShareFolderNaming::name},
                              YamlChoice<ShareFolderNaming>{"uuid", ShareFolderNaming::uuid}};

} // namespace

void read_share_section(YamlSection& section, ShareSettings& settings) {
    section.read_absolute_path("root", settings.root);
    section.read_absolute_path("run_dir", settings.run_dir);
    section.read_choice("folder", settings.folder, std::span(kFolders));
}

ShareSettingsReading read_share_settings(std::string_view text, std::string file) {
    ShareSettingsReading reading;
    YamlDocument document(text, std::move(file));
    YamlSection root = document.root();
    root.ignore_other_keys();
    YamlSection shares = root.section("shares");
    shares.ignore_other_keys();
    read_share_section(shares, reading.settings);
    reading.problems = document.finish();
    return reading;
}

} // namespace wattvisor
