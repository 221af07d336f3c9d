// SPDX-License-Identifier: Apache-2.0
#include "common/cli/exporter_commands.hpp"
#include "common/cli/option_values.hpp"

namespace wattvisor {

using std::chrono::nanoseconds;

namespace {

constexpr std::uint64_t kMostStepNano = 3'600'000'000'000; // an hour

} // namespace

CLI::App* add_json_command(CLI::App& app, JsonOptions& options) {
    CLI::App* command =
        app.add_subcommand("json", "Writes power as JSON: one array, an object per measurement");
    command->fallthrough();
    add_text(
        *command, "-t,--timeout",
        [&options](const std::string& text) { options.timeout = timeout_value("--timeout", text); },
        "How long to measure; 0 or a negative number: until Ctrl-C", "SECONDS", "10");
    // Scaphandre adds the two, so that -s 0 -n 100000000 is a tenth of a second.
    CLI::Option* step = command->add_option("-s,--step", "Time between two reports")
                            ->type_name("SECONDS")
                            ->default_str("2");
    CLI::Option* step_nano =
        command->add_option("-n,--step_nano,--step-nano", "Nanoseconds more between two reports")
            ->type_name("NANOSECONDS")
            ->default_str("0");
    command->parse_complete_callback([&options, step, step_nano] {
        if (step->empty() && step_nano->empty()) {
            return;
        }
        const nanoseconds base =
            step->empty() ? options.step : duration_value("--step", step->as<std::string>());
        const std::string more = step_nano->empty() ? "0" : step_nano->as<std::string>();
        options.step = checked_interval(
            "--step", base + nanoseconds(number_value("--step-nano", more, 0, kMostStepNano)));
    });
    add_text(
        *command, "-f,--file", [&options](const std::string& path) { options.file = path; },
        "Write to this file, begun anew, instead of standard output", "FILE", "");
    add_text(
        *command, "-m,--max-top-consumers",
        [&options](const std::string& text) {
            options.max_top_consumers =
                static_cast<unsigned>(number_value("--max-top-consumers", text, 0, kMostConsumers));
        },
        "How many of the biggest consumers to report", "N",
        std::to_string(options.max_top_consumers));
    add_pattern(*command, "--process-regex", options.process_regex,
                "Report all processes whose name or command line it finds, instead of the biggest");
    CLI::Option* containers = command->add_flag("--containers", options.containers,
                                                "Tell the container that a process runs in");
    add_pattern(*command, "--container-regex", options.container_regex,
                "Report all processes of the containers whose name it finds; --process-regex goes "
                "before")
        ->needs(containers);
    command->add_flag("--resources", options.resources,
                      "Tell CPU, memory and disk use of each process");
    command->add_flag_callback(
        "-q,--qemu", [] {}, "Accepted; virtual machines always have their name");
    command->footer(
        examples(*command, {" -t 60 -s 5 -f report.json     one minute, a report each 5 seconds",
                            " -t 10 -s 0 -n 100000000       10 seconds, 10 reports a second",
                            " -t 60 | jq -c '.[]'           an object per line"}));
    return command;
}

} // namespace wattvisor
