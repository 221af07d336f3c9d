// SPDX-License-Identifier: Apache-2.0
// The `shares` part of the host's configuration, for the two programs that must agree on where a
// share is: the agent, which reads it with everything else and refuses mistakes, and the libvirt
// hook, which must never keep a VM from starting and so takes what it can and the defaults for the
// rest. Pure functions of text; any thread. Never opens a file.
#pragma once

#include "common/config/yaml_reader.hpp"
#include "virtiofs/share_paths.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

// Reads root, run_dir and folder; other keys of the section remain for the caller.
void read_share_section(YamlSection& section, ShareSettings& settings);

struct ShareSettingsReading {
    ShareSettings settings; // usable whatever the problems are: defaults stand in
    std::vector<ConfigProblem> problems;
};

// Reads the section out of the host's whole configuration file and looks at nothing else in it.
[[nodiscard]] ShareSettingsReading read_share_settings(std::string_view text, std::string file);

} // namespace wattvisor
