// SPDX-License-Identifier: Apache-2.0
#include "common/agent_loop.hpp"
#include "common/cli/exporter_commands.hpp"
#include "common/cli/logging.hpp"
#include "common/cli/secret_arguments.hpp"
#include "host-agent/commands.hpp"

#include <CLI/App.hpp>
#include <spdlog/spdlog.h>

#include <iostream>
#include <map>

namespace {

using namespace wattvisor;
using namespace wattvisor::host;

int run(int argc, char** argv) {
    HostCommandLine line;
    CLI::App app("A power meter for every virtual machine: splits this hypervisor's energy among "
                 "the VMs that libvirt knows and publishes to each its own share.",
                 "wattvisor-host");
    add_global_options(app, line.global, Agent::host);
    add_host_options(app, line);
    add_qemu_command(app);
    add_run_command(app, line.run);
    const ExporterCommands exporters(app);
    add_vms_command(app, line.vms);
    add_enroll_commands(app, line.enroll);
    app.require_subcommand(0, 1); // that one is there is checked while parsing
    if (const auto exit_code = parse_command_line(app, argc, argv, std::cout, std::cerr)) {
        return *exit_code;
    }

    hide_in_arguments(argc, argv, exporters.secret());
    setup_logging(spdlog::level::info, line.global.verbosity);
    for (const auto& notices : {line.global.notices, exporters.notices()}) {
        for (const std::string& notice : notices) {
            spdlog::info("{}", notice);
        }
    }
    raise_open_file_limit();
    if (auto exporter = exporters.chosen()) {
        apply_global_options(line.global, *exporter);
        return run_exporter(line, *exporter);
    }
    const std::map<std::string, int (*)(const HostCommandLine&)> commands{
        {"qemu", run_qemu},     {"run", run_daemon},        {"vms", show_vms},
        {"enroll", enroll_vms}, {"unenroll", unenroll_vms},
    };
    return commands.at(app.get_subcommands().front()->get_name())(line);
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const StartError& error) {
        std::cerr << "wattvisor-host: " << error.what() << '\n';
        return error.exit_code();
    } catch (const std::exception& error) {
        std::cerr << "wattvisor-host: unexpected: " << error.what() << '\n';
        return kExitFailure;
    }
}
