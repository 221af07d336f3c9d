// SPDX-License-Identifier: Apache-2.0
#include "common/agent_loop.hpp"
#include "common/cli/cli_options.hpp"
#include "common/cli/exporter_commands.hpp"
#include "common/cli/logging.hpp"
#include "common/cli/secret_arguments.hpp"
#include "common/export/paced_exporter.hpp"
#include "guest-agent/agent.hpp"
#include "guest-agent/config.hpp"
#include "guest-agent/run_command.hpp"

#include <CLI/App.hpp>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <iostream>

namespace {

using namespace wattvisor;

int run(int argc, char** argv) {
    GlobalOptions global;

    CLI::App app("The power meter inside a virtual machine: splits the energy that the host agent "
                 "publishes to this VM among its processes.",
                 "wattvisor-guest");
    add_global_options(app, global, Agent::guest);
    const ExporterCommands exporters(app);
    guest::RunOptions run_options;
    const CLI::App* run_command = guest::add_run_command(app, run_options);
    app.require_subcommand(0, 1); // that one is there is checked while parsing
    if (const auto exit_code = parse_command_line(app, argc, argv, std::cout, std::cerr)) {
        return *exit_code;
    }

    hide_in_arguments(argc, argv, exporters.secret());
    setup_logging(spdlog::level::info, global.verbosity);
    for (const auto& notices : {global.notices, exporters.notices()}) {
        for (const std::string& notice : notices) {
            spdlog::info("{}", notice);
        }
    }
    raise_open_file_limit();
    const char* const powercap_path = std::getenv("SCAPHANDRE_POWERCAP_PATH");
    if (run_command->parsed()) {
        const guest::GuestConfig config = guest::load_guest_config(run_options.config);
        if (run_options.check_config) {
            std::cout << run_options.config.string() << ": the configuration is good\n";
            return kExitOk;
        }
        guest::apply_config(config, app, global);
        return guest::run_agent(global, config.exporters, powercap_path);
    }
    ExporterOptions exporter = exporters.chosen().value();
    apply_global_options(global, exporter);
    global.interval = tick_interval(exporter, global.interval);
    return guest::run_agent(global, {ExporterPlan{exporter, {}, {}}}, powercap_path);
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const wattvisor::StartError& error) {
        std::cerr << "wattvisor-guest: " << error.what() << '\n';
        return error.exit_code();
    } catch (const std::exception& error) {
        std::cerr << "wattvisor-guest: unexpected: " << error.what() << '\n';
        return wattvisor::kExitFailure;
    }
}
