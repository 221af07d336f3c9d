// SPDX-License-Identifier: Apache-2.0
// The command line of wattvisor-host: its options beside those that both agents have, and what
// they make of the configuration. Used by main only, before anything runs.
#pragma once

#include "common/cli/cli_options.hpp"
#include "host-agent/config.hpp"

#include <CLI/App.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace wattvisor::host {

// Options that stand for a key of the configuration, absent unless they were given.
struct HostOptions {
    std::optional<std::string> libvirt_uri;
    std::optional<std::filesystem::path> libvirt_run_dir;
    std::optional<std::filesystem::path> share_root;
    std::optional<std::filesystem::path> run_dir;
    std::optional<ShareFolderNaming> share_folder;
    std::optional<ShareLayout> share_layout;
    std::optional<bool> processes;
};

struct RunOptions {
    std::filesystem::path config = "/etc/wattvisor/host.yaml";
    bool config_given = false;
    bool check_config = false;
};

struct VmsOptions {
    bool json = false;
};

struct EnrollArguments {
    std::vector<std::string> names;
    std::optional<std::filesystem::path> virtiofsd;
    bool live = false;
};

struct HostCommandLine {
    GlobalOptions global;
    HostOptions host;
    RunOptions run;
    VmsOptions vms;
    EnrollArguments enroll;
    const CLI::App* app = nullptr; // set by add_host_options

    // Whether the option was typed, be it with its default value.
    [[nodiscard]] bool given(const std::string& option) const;
};

// Fills `line` while it parses; `line` must outlive the app.
void add_host_options(CLI::App& app, HostCommandLine& line);
void add_qemu_command(CLI::App& app);
void add_run_command(CLI::App& app, RunOptions& options);
void add_vms_command(CLI::App& app, VmsOptions& options);
void add_enroll_commands(CLI::App& app, EnrollArguments& arguments);

// What was given on the command line counts more than the file.
void apply_options(const HostCommandLine& line, HostConfig& config);

} // namespace wattvisor::host
