// SPDX-License-Identifier: Apache-2.0
#include "common/agent_loop.hpp"
#include "common/cli/cli_options.hpp"
#include "common/cli/exporter_commands.hpp"
#include "common/cli/logging.hpp"
#include "common/cli/secret_arguments.hpp"
#include "guest-agent/agent.hpp"

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
    app.require_subcommand(0, 1); // that one is there is checked while parsing
    if (const auto exit_code = parse_command_line(app, argc, argv, std::cout, std::cerr)) {
        return *exit_code;
    }

    hide_in_arguments(argc, argv, exporters.secret());
    setup_logging(spdlog::level::info, global.verbosity);
    for (const std::string& notice : global.notices) {
        spdlog::info("{}", notice);
    }
    raise_open_file_limit();
    ExporterOptions exporter = exporters.chosen().value();
    apply_global_options(global, exporter);
    guest::run_agent(global, exporter, std::getenv("SCAPHANDRE_POWERCAP_PATH"));
    return kExitOk;
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
