// SPDX-License-Identifier: Apache-2.0
#include "common/cli/exporter_commands.hpp"
#include "common/cli/option_values.hpp"

namespace wattvisor {
namespace {

// What differs between the two spellings.
struct Spelling {
    const char* name;
    const char* help;
    const char* scheme;
    const char* step;
    const char* short_scheme; // as the example has it
};

CLI::App* add_command(CLI::App& app, Warp10Options& options, const Spelling& spelling) {
    CLI::App* command = app.add_subcommand(spelling.name, spelling.help);
    command->fallthrough();
    command->add_option("-H,--host", options.host, "Name or IP address of the Warp 10 server")
        ->capture_default_str();
    add_text(
        *command, "-p,--port",
        [&options](const std::string& text) { options.port = port_value("--port", text); },
        "TCP port of the server", "PORT", std::to_string(options.port));
    add_text(
        *command, spelling.scheme,
        [&options](const std::string& text) { options.scheme = scheme_value(text); },
        "http or https", "SCHEME", "http");
    add_text(
        *command, spelling.step,
        [&options](const std::string& text) { options.step = interval_value("--step", text); },
        "Time between two values", "SECONDS",
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(options.step).count()));
    command
        ->add_option("-t,--write-token", options.write_token,
                     "Token that may write; better in the environment, as "
                     "SCAPH_WARP10_WRITE_TOKEN")
        ->type_name("TOKEN");
    command->add_flag("-q,--qemu", options.qemu,
                      "Add the label vmname to the processes of virtual machines");
    command->footer(examples(
        *command,
        {" -H warp10.example.org     with SCAPH_WARP10_WRITE_TOKEN set",
         " -H warp10.example.org -p 443 " + std::string(spelling.short_scheme) + " https"}));
    return command;
}

} // namespace

CLI::App* add_warp10_command(CLI::App& app, Warp10Options& options) {
    return add_command(
        app, options,
        {"warp10", "Sends metrics to a Warp 10 server", "-s,--scheme", "-S,--step", "-s"});
}

CLI::App* add_warpten_command(CLI::App& app, Warp10Options& options) {
    options.step = std::chrono::seconds(2);
    return add_command(app, options,
                       {"warpten",
                        "The same as warp10, with the letters that Scaphandre 1.0 gave its options",
                        "-S,--scheme", "-s,--step", "-S"});
}

} // namespace wattvisor
