// SPDX-License-Identifier: Apache-2.0
// The command `run`: any number of exporters from a configuration. Filled while CLI11 parses.
#pragma once

#include <CLI/App.hpp>

#include <filesystem>

namespace wattvisor::guest {

struct RunOptions {
    std::filesystem::path config = "/etc/wattvisor/guest.yaml";
    bool check_config = false;
};

CLI::App* add_run_command(CLI::App& app, RunOptions& options);

} // namespace wattvisor::guest
