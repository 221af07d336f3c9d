// SPDX-License-Identifier: Apache-2.0
// The global options that both agents have in common; exporter_commands.hpp has those of each
// exporter. Called by main only, before anything runs. The options are filled while CLI11 parses,
// so they must outlive the CLI::App; nothing here reads a file or logs.
#pragma once

#include "common/base/error.hpp"
#include "common/usage/cpu_time_choice.hpp"

#include <CLI/App.hpp>

#include <chrono>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace wattvisor {

enum class Agent { host, guest };

struct GlobalOptions {
    unsigned verbosity = 0; // how often -v was given
    bool no_header = false;
    std::string sensor = "powercap_rapl";
    bool vm = false; // guest only: read the share instead of this machine's counters
    std::filesystem::path proc = "/proc";
    std::filesystem::path sys = "/sys";
    std::optional<std::filesystem::path> powercap; // see powercap_folder()
    std::chrono::nanoseconds interval = std::chrono::seconds(1);
    CpuTimeChoice cpu_time = CpuTimeChoice::automatic;
    bool resources = true; // memory and storage of processes, where an exporter tells of them
    std::vector<std::string> notices; // sentences for the log: options taken but without effect
};

void add_global_options(CLI::App& app, GlobalOptions& options, Agent agent);

// The folder of counters to read: --powercap; else with --vm the value of the environment variable
// SCAPHANDRE_POWERCAP_PATH (null or empty when unset), else /var/scaphandre; else
// SYS/class/powercap.
[[nodiscard]] std::filesystem::path powercap_folder(const GlobalOptions& options,
                                                    const char* scaphandre_powercap_path);

// Parses, and answers --help and --version on `out` and mistakes on `err`. Returns the exit code
// where the program ends here: 0 after a help text, kExitConfiguration after a mistake.
[[nodiscard]] std::optional<int> parse_command_line(CLI::App& app, int argc,
                                                    const char* const* argv, std::ostream& out,
                                                    std::ostream& err);

} // namespace wattvisor
