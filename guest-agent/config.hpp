// SPDX-License-Identifier: Apache-2.0
// The guest agent's configuration: plain structs whose initial values are the defaults, and their
// reading from YAML. deploy/wattvisor-guest.yaml shows every key; a test holds it to these
// defaults. Used once while starting. Reading text is pure; only load_guest_config() opens a file.
#pragma once

#include "common/cli/cli_options.hpp"
#include "common/cli/exporter_options.hpp"
#include "common/config/yaml_reader.hpp"
#include "common/usage/cpu_time_choice.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor::guest {

struct GuestConfig {
    std::chrono::nanoseconds interval = std::chrono::seconds(1);
    CpuTimeChoice cpu_time = CpuTimeChoice::automatic;
    bool resources = true; // memory and storage of processes, where an exporter tells of them
    bool vm = false;       // read the share that the host publishes
    std::filesystem::path proc = "/proc";
    std::filesystem::path sys = "/sys";
    std::optional<std::filesystem::path> powercap; // see powercap_folder()
    std::vector<ExporterPlan> exporters;
};

struct GuestConfigReading {
    GuestConfig config;
    std::vector<ConfigProblem> problems; // config may be used only if this is empty
};

// `file` only names the text in problems.
[[nodiscard]] GuestConfigReading read_guest_config(std::string_view text, std::string file);

// Reads the file or throws StartError with kExitConfiguration and every problem on a line. A file
// without an exporter is a problem too: there would be nothing to run.
[[nodiscard]] GuestConfig load_guest_config(const std::filesystem::path& file);

// What the configuration says, unless it was typed on the command line.
void apply_config(const GuestConfig& config, const CLI::App& app, GlobalOptions& global);

} // namespace wattvisor::guest
