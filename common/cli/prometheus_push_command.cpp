// SPDX-License-Identifier: Apache-2.0
#include "common/cli/exporter_commands.hpp"
#include "common/cli/option_values.hpp"

namespace wattvisor {

CLI::App* add_prometheus_push_command(CLI::App& app, PrometheusPushOptions& options) {
    CLI::App* command =
        app.add_subcommand("prometheus-push", "Sends metrics to a Prometheus Pushgateway");
    command->fallthrough();
    command->add_option("-H,--host", options.host, "Name or IP address of the Pushgateway")
        ->capture_default_str();
    add_text(
        *command, "-p,--port",
        [&options](const std::string& text) { options.port = port_value("--port", text); },
        "TCP port of the Pushgateway", "PORT", std::to_string(options.port));
    add_text(
        *command, "--suffix",
        [&options](const std::string& text) { options.suffix = suffix_value(text); },
        "Path of the Pushgateway's pages", "PATH", options.suffix);
    add_text(
        *command, "-S,--scheme",
        [&options](const std::string& text) { options.scheme = scheme_value(text); },
        "http or https", "SCHEME", "http");
    add_text(
        *command, "-s,--step",
        [&options](const std::string& text) { options.step = interval_value("--step", text); },
        "Time between two pushes", "SECONDS", "30");
    command->add_option("-j,--job", options.job, "Name of the job to push as")
        ->capture_default_str();
    command->add_flag("-q,--qemu", options.qemu,
                      "Add the label vmname to the processes of virtual machines");
    command->add_flag("--containers", options.containers,
                      "Add the labels of containers to the processes in them");
    command->add_flag(
        "--no-tls-check", [&options](std::int64_t) { options.tls_check = false; },
        "With https: accept any certificate, so that anybody between may read and change all");
    command->footer(examples(*command, {" -H gateway.example.org -s 10",
                                        " -H gateway.example.org -p 443 -S https -j rack7"}));
    return command;
}

} // namespace wattvisor
