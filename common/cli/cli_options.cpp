// SPDX-License-Identifier: Apache-2.0
#include "common/cli/cli_options.hpp"

#include "common/cli/duration.hpp"

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

// Below, the counters themselves are too coarse: RAPL renews them once in a millisecond.
constexpr nanoseconds kShortestInterval = std::chrono::milliseconds(10);
constexpr nanoseconds kLongestInterval = std::chrono::hours(1);

nanoseconds duration_value(const std::string& option, std::string_view text) {
    const auto duration = parse_duration(text);
    if (!duration) {
        throw CLI::ValidationError(option, duration.error().message());
    }
    return *duration;
}

nanoseconds interval_value(const std::string& option, const std::string& text) {
    const nanoseconds duration = duration_value(option, text);
    if (duration < kShortestInterval || duration > kLongestInterval) {
        throw CLI::ValidationError(option, '"' + text + "\" is out of range. Type " +
                                               format_duration(kShortestInterval) + " to " +
                                               format_duration(kLongestInterval) + ", e.g. 1s");
    }
    return duration;
}

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

std::uint64_t number_value(const std::string& option, const std::string& text, std::uint64_t low,
                           std::uint64_t high) {
    std::uint64_t value = 0;
    if (!CLI::detail::lexical_cast(text, value) || text.starts_with('-') || value < low ||
        value > high) {
        throw CLI::ValidationError(option, '"' + text + "\" is not a number from " +
                                               std::to_string(low) + " to " + std::to_string(high));
    }
    return value;
}

std::string suffix_value(std::string text) {
    constexpr std::string_view kAllowed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    text.erase(0, text.find_first_not_of('/'));
    if (text.empty() || text.find_first_not_of(kAllowed) != std::string::npos) {
        throw CLI::ValidationError("--suffix", "not the path of a page. Type letters, digits and "
                                               "any of - . _ ~ /, e.g. --suffix metrics");
    }
    return text;
}

CLI::Option* add_text(CLI::App& app, const std::string& names,
                      const std::function<void(const std::string&)>& take, const std::string& help,
                      const std::string& type, const std::string& standard) {
    return app.add_option_function<std::string>(names, take, help)
        ->type_name(type)
        ->default_str(standard);
}

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

std::string command_name(const CLI::App& app) {
    const CLI::App* parent = app.get_parent();
    return parent == nullptr ? app.get_name() : command_name(*parent) + ' ' + app.get_name();
}

// The command that was typed, subcommands included, to tell where to ask for help.
const CLI::App& innermost(const CLI::App& app) {
    const auto subcommands = app.get_subcommands();
    return subcommands.empty() ? app : innermost(*subcommands.back());
}

std::string examples(const CLI::App& command, std::initializer_list<std::string_view> arguments) {
    std::string text = "Examples:";
    for (const std::string_view line : arguments) {
        text += "\n  " + command_name(command) + std::string(line);
    }
    return text;
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
    add_text(
        app, "--cpu-time",
        [&options](const std::string& text) { options.cpu_time = cpu_time_value(text); },
        "Where CPU times come from: each process' clock, or a BPF program that also tells sockets "
        "apart; auto takes what works and logs which",
        "auto|clock|bpf", "auto");
    add_roots(app, options);
    add_ignored_buffers(app, options);
}

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
        [&options](const std::string& text) {
            options.port = static_cast<std::uint16_t>(
                number_value("--port", text, 0, std::numeric_limits<std::uint16_t>::max()));
        },
        "TCP port to listen on; 0 takes a free one and logs it", "PORT",
        std::to_string(options.port));
    add_text(
        *command, "-s,--suffix",
        [&options](const std::string& text) { options.suffix = suffix_value(text); },
        "Path of the page", "PATH", options.suffix);
    command->add_flag("-q,--qemu", options.qemu,
                      "Add the label vmname to the processes of virtual machines");
    add_text(
        *command, "--cmdline-limit",
        [&options](const std::string& text) {
            options.cmdline_limit = number_value("--cmdline-limit", text, 0, 1U << 20U);
        },
        "Longest label cmdline in bytes; 0 leaves the label out", "BYTES",
        std::to_string(options.cmdline_limit));
    command->footer(
        examples(*command, {"                     then open http://localhost:8080/metrics",
                            " -a 127.0.0.1 -p 9101 only for programs on this machine"}));
    return command;
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
