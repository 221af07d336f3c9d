// SPDX-License-Identifier: Apache-2.0
#include "common/cli/exporter_commands.hpp"
#include "common/cli/option_values.hpp"

namespace wattvisor {
CLI::App* add_prometheus_command(CLI::App& app, PrometheusOptions& options) {
    CLI::App* command = app.add_subcommand("prometheus", "Offers metrics on a web page that "
                                                         "Prometheus reads");
    command->fallthrough();
    command
        ->add_option("-a,--address", options.address,
                     "IPv6 or IPv4 address to listen on; :: is all of both kinds")
        ->capture_default_str();
    add_text(
        *command, "-p,--port",
        [&options](const std::string& text) { options.port = port_value("--port", text, 0); },
        "TCP port to listen on; 0 takes a free one and logs it", "PORT",
        std::to_string(options.port));
    add_text(
        *command, "-s,--suffix",
        [&options](const std::string& text) { options.suffix = suffix_value(text); },
        "Path of the page", "PATH", options.suffix);
    command->add_flag("-q,--qemu", options.qemu,
                      "Add the label vmname to the processes of virtual machines");
    command->add_flag("--containers", options.containers,
                      "Add labels to processes: their container, pod and systemd unit");
    add_text(
        *command, "--cmdline-limit",
        [&options](const std::string& text) {
            options.cmdline_limit = number_value("--cmdline-limit", text, 0, 1U << 20U);
        },
        "Longest label cmdline in bytes; 0 leaves the label out", "BYTES",
        std::to_string(options.cmdline_limit));
    command
        ->add_option("--web.config.file", options.web_config_file,
                     "TLS and passwords, in the format of Prometheus' exporter toolkit")
        ->type_name("FILE");
    for (const std::string_view name : kPrometheusWithoutEffect) {
        add_text(
            *command, std::string(name), [](const std::string&) {},
            "Of Scaphandre 0.x; accepted, without effect", "TEXT", "");
    }
    command->footer(examples(
        *command, {"                     then open http://localhost:8080/metrics",
                   " -a 127.0.0.1 -p 9101 only for programs on this machine",
                   " --web.config.file /etc/wattvisor/web.yaml     with TLS and passwords"}));
    return command;
}

} // namespace wattvisor
