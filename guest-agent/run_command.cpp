// SPDX-License-Identifier: Apache-2.0
#include "guest-agent/run_command.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace wattvisor::guest {

CLI::App* add_run_command(CLI::App& app, RunOptions& options) {
    CLI::App* command = app.add_subcommand("run", "Runs the exporters of a configuration");
    command->fallthrough();
    command->add_option("-c,--config", options.config, "The configuration to read")
        ->type_name("FILE")
        ->capture_default_str();
    command->add_flag("--check-config", options.check_config,
                      "Read the configuration, tell every mistake in it, and run nothing");
    command->footer("Examples:\n"
                    "  wattvisor-guest --vm run\n"
                    "  wattvisor-guest run --check-config --config guest.yaml");
    return command;
}

} // namespace wattvisor::guest
