// SPDX-License-Identifier: Apache-2.0
#include "common/cli/exporter_commands.hpp"
#include "common/cli/option_values.hpp"

namespace wattvisor {
CLI::App* add_stdout_command(CLI::App& app, StdoutOptions& options) {
    CLI::App* command = app.add_subcommand("stdout", "Prints power on the terminal");
    command->fallthrough();
    add_text(
        *command, "-t,--timeout",
        [&options](const std::string& text) { options.timeout = timeout_value("--timeout", text); },
        "How long to measure; 0 or a negative number: until Ctrl-C", "SECONDS", "10");
    add_text(
        *command, "-s,--step",
        [&options](const std::string& text) { options.step = interval_value("--step", text); },
        "Time between two reports", "SECONDS", "2");
    add_text(
        *command, "-p,--process,--processes",
        [&options](const std::string& text) {
            options.processes =
                static_cast<unsigned>(number_value("--processes", text, 0, kMostConsumers));
        },
        "How many of the biggest consumers to show", "N", std::to_string(options.processes));
    add_pattern(*command, "-r,--regex,--regex-filter", options.regex,
                "Show all processes whose name or command line it finds, instead of the biggest");
    command->add_flag("-q,--qemu", options.qemu,
                      "Show the name of the virtual machine beside its QEMU process");
    command->add_flag("--containers", options.containers,
                      "Show the container beside a process that runs in one");
    command->add_flag("--raw-metrics", options.raw_metrics,
                      "Print every metric on a line of its own instead of a report");
    command->footer(examples(*command, {" -t 60 -s 5     one minute, a report each 5 seconds",
                                        " -t 0 -p 10     the 10 biggest, until Ctrl-C",
                                        " -r 'nginx|php'  what these use, however little"}));
    return command;
}

} // namespace wattvisor
