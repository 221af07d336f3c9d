// SPDX-License-Identifier: Apache-2.0
#include "common/cli/cli_options.hpp"

#include "common/cli/duration.hpp"
#include "common/cli/option_values.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <limits>
#include <ostream>
#include <string_view>

namespace wattvisor {
namespace {

using std::chrono::nanoseconds;

void check_sensor(const std::string& name) {
    if (name != "powercap_rapl") {
        throw CLI::ValidationError("--sensor", '"' + name +
                                                   "\" is not a sensor of this version. Type "
                                                   "--sensor powercap_rapl, or leave it out");
    }
}

CpuTimeChoice cpu_time_value(const std::string& text) {
    if (text == "auto") {
        return CpuTimeChoice::automatic;
    }
    if (text == "clock") {
        return CpuTimeChoice::clock;
    }
    if (text == "bpf") {
        return CpuTimeChoice::bpf;
    }
    throw CLI::ValidationError("--cpu-time", '"' + text + "\" is not one of auto, clock, bpf");
}

void add_roots(CLI::App& app, GlobalOptions& options) {
    // Without its description, which would repeat DIR in the help text.
    CLI::Validator existing_folder = CLI::ExistingDirectory;
    existing_folder.description("");
    app.add_option("--proc", options.proc, "Where the kernel's proc file system is mounted")
        ->type_name("DIR")
        ->check(existing_folder)
        ->capture_default_str();
    app.add_option("--sys", options.sys, "Where the kernel's sys file system is mounted")
        ->type_name("DIR")
        ->check(existing_folder)
        ->capture_default_str();
    // Not checked for existence: a share may appear after its reader started.
    app.add_option_function<std::string>(
           "--powercap", [&options](const std::string& folder) { options.powercap = folder; },
           "The folder of energy counters to read instead of SYS/class/powercap")
        ->type_name("DIR");
}

// Scaphandre keeps a history of this size; Wattvisor keeps totals, so there is nothing to limit.
void add_ignored_buffers(CLI::App& app, GlobalOptions& options) {
    struct Spellings {
        std::string name;
        std::string both;
    };
    for (const Spellings& option :
         {Spellings{"--sensor-buffer-per-socket-max-kB",
                    "--sensor-buffer-per-socket-max-kB,--sensor-buffer-per-socket-max-kb"},
          Spellings{"--sensor-buffer-per-domain-max-kB",
                    "--sensor-buffer-per-domain-max-kB,--sensor-buffer-per-domain-max-kb"}}) {
        app.add_option_function<std::string>(
               option.both,
               [&options, name = option.name](const std::string&) {
                   options.notices.push_back(name + " has no effect: Wattvisor keeps running "
                                                    "totals, not a buffer of records");
               },
               "Accepted for Scaphandre's sake; has no effect")
            ->type_name("KB");
    }
}

// The command that was typed, subcommands included, to tell where to ask for help.
const CLI::App& innermost(const CLI::App& app) {
    const auto subcommands = app.get_subcommands();
    return subcommands.empty() ? app : innermost(*subcommands.back());
}

std::string commands_of(const CLI::App& app) {
    std::string names;
    for (const CLI::App* command : app.get_subcommands({})) {
        names += (names.empty() ? "" : ", ") + command->get_name();
    }
    return names;
}

} // namespace

void add_global_options(CLI::App& app, GlobalOptions& options, Agent agent) {
    app.set_version_flag("-V,--version", std::string(WATTVISOR_VERSION));
    app.add_flag(
        "-v", [&options](std::int64_t count) { options.verbosity = static_cast<unsigned>(count); },
        "Say more; -vv and -vvv say still more");
    app.add_flag("--no-header", options.no_header, "Print no header before the first report");
    app.add_option("-s,--sensor", options.sensor, "Where energy is read from: powercap_rapl")
        ->type_name("NAME")
        ->check([](const std::string& name) {
            check_sensor(name);
            return std::string();
        })
        ->capture_default_str();
    if (agent == Agent::guest) {
        app.add_flag("--vm", options.vm,
                     "This is a virtual machine: read the share that its host publishes, in "
                     "$SCAPHANDRE_POWERCAP_PATH or /var/scaphandre");
    }
    add_text(
        app, "--interval",
        [&options](const std::string& text) {
            options.interval = interval_value("--interval", text);
        },
        "Time between two measurements, e.g. 500ms, 1s, 2m", "DURATION",
        format_duration(options.interval));
    app.add_flag_callback(
        "--no-resources", [&options] { options.resources = false; },
        "Do not read the memory and storage that processes use");
    add_text(
        app, "--cpu-time",
        [&options](const std::string& text) { options.cpu_time = cpu_time_value(text); },
        "Where CPU times come from: each process' clock, or a BPF program that also tells sockets "
        "apart; auto takes what works and logs which",
        "auto|clock|bpf", "auto");
    add_roots(app, options);
    add_ignored_buffers(app, options);
}

std::filesystem::path powercap_folder(const GlobalOptions& options,
                                      const char* scaphandre_powercap_path) {
    if (options.powercap) {
        return *options.powercap;
    }
    if (!options.vm) {
        return options.sys / "class" / "powercap";
    }
    const bool is_set = scaphandre_powercap_path != nullptr && *scaphandre_powercap_path != '\0';
    return is_set ? scaphandre_powercap_path : "/var/scaphandre";
}

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv,
                                      std::ostream& out, std::ostream& err) {
    try {
        app.parse(argc, argv);
        if (!app.get_subcommands().empty()) {
            return std::nullopt;
        }
        throw CLI::ParseError("a command is missing, one of " + commands_of(app),
                              kExitConfiguration);
    } catch (const CLI::Success& request) {
        app.exit(request, out, err); // --help or --version
        return kExitOk;
    } catch (const CLI::ParseError& mistake) {
        const std::string name = command_name(innermost(app));
        err << name << ": " << mistake.what() << "\nType \"" << name
            << " --help\" to see what it takes.\n";
        return kExitConfiguration;
    }
}

} // namespace wattvisor
