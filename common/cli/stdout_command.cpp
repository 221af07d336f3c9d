// SPDX-License-Identifier: Apache-2.0
#include "common/cli/exporter_commands.hpp"
#include "common/cli/option_values.hpp"

#include <string_view>

namespace wattvisor {
namespace {

using std::chrono::nanoseconds;

// Scaphandre's versions disagree on whether 0 or a negative number means forever: both do here.
std::optional<nanoseconds> timeout_value(const std::string& text) {
    const bool negative = text.starts_with('-');
    const nanoseconds timeout =
        duration_value("--timeout", std::string_view(text).substr(negative ? 1 : 0));
    if (negative || timeout == nanoseconds::zero()) {
        return std::nullopt;
    }
    return timeout;
}

} // namespace

CLI::App* add_stdout_command(CLI::App& app, StdoutOptions& options) {
    CLI::App* command = app.add_subcommand("stdout", "Prints power on the terminal");
    command->fallthrough();
    add_text(
        *command, "-t,--timeout",
        [&options](const std::string& text) { options.timeout = timeout_value(text); },
        "How long to measure; 0 or a negative number: until Ctrl-C", "SECONDS", "10");
    add_text(
        *command, "-s,--step",
        [&options](const std::string& text) { options.step = interval_value("--step", text); },
        "Time between two reports", "SECONDS", "2");
    add_text(
        *command, "-p,--process,--processes",
        [&options](const std::string& text) {
            options.processes = static_cast<unsigned>(number_value("--processes", text, 0, 10'000));
        },
        "How many of the biggest consumers to show", "N", std::to_string(options.processes));
    command->add_flag("-q,--qemu", options.qemu,
                      "Show the name of the virtual machine beside its QEMU process");
    command->footer(examples(*command, {" -t 60 -s 5     one minute, a report each 5 seconds",
                                        " -t 0 -p 10     the 10 biggest, until Ctrl-C"}));
    return command;
}

} // namespace wattvisor
