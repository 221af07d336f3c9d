// SPDX-License-Identifier: Apache-2.0
#include "common/cli/exporter_commands.hpp"
#include "common/cli/option_values.hpp"

namespace wattvisor {

CLI::App* add_riemann_command(CLI::App& app, RiemannOptions& options) {
    CLI::App* command = app.add_subcommand("riemann", "Sends metrics to a Riemann server");
    command->fallthrough();
    CLI::Option* address =
        command
            ->add_option("-a,--address", options.address,
                         "Name or IP address of the server; with --mtls as its certificate has it")
            ->capture_default_str();
    add_text(
        *command, "-p,--port",
        [&options](const std::string& text) { options.port = port_value("--port", text); },
        "TCP port of the server", "PORT", std::to_string(options.port));
    add_text(
        *command, "-d,--dispatch,--dispatch-interval",
        [&options](const std::string& text) { options.step = interval_value("--dispatch", text); },
        "Time between two dispatches", "SECONDS", "5");
    command->add_flag("-q,--qemu", options.qemu,
                      "Add the attribute vmname to the processes of virtual machines");
    command->add_flag("--containers", options.containers,
                      "Add the attributes of containers to the processes in them");
    CLI::Option* mtls = command->add_flag("--mtls", options.mtls,
                                          "Connect by TLS, with a certificate on either side");
    CLI::Option* ca =
        command->add_option("--ca", options.ca, "Certificates that may sign the server's (.pem)");
    CLI::Option* cert =
        command->add_option("--cert", options.cert, "Certificate of this client (.pem)");
    CLI::Option* key = command->add_option("--key", options.key, "Key of that certificate (.pem)");
    mtls->needs(address)->needs(ca)->needs(cert)->needs(key);
    for (CLI::Option* file : {ca, cert, key}) {
        file->needs(mtls)->type_name("FILE");
    }
    command->footer(examples(*command, {" -a riemann.example.org -d 10",
                                        " -a riemann.example.org -p 5554 --mtls --ca ca.pem "
                                        "--cert client.pem --key client.key"}));
    return command;
}

} // namespace wattvisor
