// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/options.hpp"

#include "common/base/text_file.hpp"
#include "common/cli/duration.hpp"
#include "tests/simulated-host/scenario_fields.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace wattvisor::simulated {

namespace {

constexpr unsigned kMostSockets = 64;
// Room for the sum of start and total in 64 bits, whatever the machine uses.
constexpr std::uint64_t kLargestRange = std::numeric_limits<std::uint64_t>::max() / 4;

constexpr const char* kExample =
    R"(Two kinds of host:

1. A scenario: sockets, VMs, threads, processes, loads and faults from a file; all of /proc, /sys
   and libvirt that an agent reads, below --root. To reproduce a report
   (docs/how-to/reproduce-a-report.md; the format: docs/reference/simulated-host.md):
     wattvisor-simulated-host --scenario two-socket.yaml --root /dev/shm/host --truth truth.jsonl
   It prints the options with which an agent sees that host. With --fast it does not wait: the truth
   of an hour is there in a moment. Examples are in tests/simulated-host/scenarios.

2. Without --scenario: a powercap tree that moves with the real load of this machine. A host of two
   sockets whose counters are about to wrap, for a minute:
     wattvisor-simulated-host --root /tmp/powercap --sockets 2 --subzones core=0.6,dram=0.15 \
         --start 262143300000 --truth /tmp/truth.jsonl --duration 60s &
     wattvisor-host stdout --powercap /tmp/powercap

A line of the truth holds, per zone, what was really used since the start (total_uj), what the
counter shows (energy_uj) and how often it wrapped; a reader between end_ns of one line and begin_ns
of the next saw exactly that line's values. With a scenario it also holds what each VM and process
used, and the energy that an ideal meter would have charged to it.)";

struct RawOptions {
    double idle_watts = 20;
    double watts_per_cpu = 10;
    std::optional<double> psys_watts;
    std::string subzones;
    std::string step = "50ms";
    std::string duration = "0";
    std::uint64_t range_uj = ZoneSpec().range_uj;
    std::uint64_t start_uj = 0;
};

template <typename T>
T checked(const char* option, Result<T> result) {
    if (!result) {
        throw CLI::ValidationError(option, result.error().message());
    }
    return std::move(*result);
}

void convert(const RawOptions& raw, Options& options) {
    PowerSpec& power = options.power;
    power.package = {checked("--idle-watts", to_microwatts(raw.idle_watts)),
                     checked("--watts-per-cpu", to_microwatts(raw.watts_per_cpu)), raw.range_uj,
                     raw.start_uj};
    if (raw.psys_watts) {
        power.psys = {checked("--psys", to_microwatts(*raw.psys_watts)), 0, raw.range_uj,
                      raw.start_uj};
    }
    checked("--subzones", parse_subzones(raw.subzones, power));
    options.step = checked("--step", parse_duration(raw.step));
    options.duration = checked("--duration", parse_duration(raw.duration));
    if (options.step < std::chrono::milliseconds(1)) {
        throw CLI::ValidationError("--step", "must be at least 1ms");
    }
    if (raw.start_uj > raw.range_uj) {
        throw CLI::ValidationError("--start", "must be at most --range");
    }
    if (options.root.empty() && !options.check) {
        throw CLI::RequiredError("--root");
    }
}

void add_scenario_options(CLI::App& app, Options& options) {
    CLI::Option* scenario =
        app.add_option("--scenario", options.scenario, "The host and what happens to it (YAML)")
            ->type_name("FILE");
    app.add_flag("--fast", options.fast, "Does not wait: as fast as it goes, in virtual time")
        ->needs(scenario);
    app.add_flag("--check", options.check, "Tells every mistake in the scenario, and runs nothing")
        ->needs(scenario);
}

// Those that the scenario has its own words for.
void add_real_load_options(CLI::App& app, RawOptions& raw, Options& options) {
    CLI::Option* scenario = app.get_option("--scenario");
    const std::array<CLI::Option*, 8> only_without{
        app.add_option("--sockets", options.sockets, "Sockets; the CPUs are split evenly, in order")
            ->check(CLI::Range(1U, kMostSockets)),
        app.add_option("--idle-watts", raw.idle_watts, "Power of a socket that does nothing"),
        app.add_option("--watts-per-cpu", raw.watts_per_cpu, "Power that a busy CPU adds"),
        app.add_option("--subzones", raw.subzones,
                       "Subzones, each with its part of the package's energy: "
                       "core=0.6,uncore=0.1,dram=0.15"),
        app.add_option("--psys", raw.psys_watts,
                       "Adds a psys zone: packages, dram and as many watts more"),
        app.add_option("--range", raw.range_uj, "max_energy_range_uj, after which a counter wraps")
            ->check(CLI::Range(std::uint64_t{1}, kLargestRange)),
        app.add_option("--start", raw.start_uj, "What the counters show at first, in microjoules"),
        app.add_flag("--cleanup", options.cleanup, "Removes the tree at the end")};
    for (CLI::Option* option : only_without) {
        option->capture_default_str()->excludes(scenario)->group("Without a scenario");
    }
}

void add_options(CLI::App& app, RawOptions& raw, Options& options) {
    app.add_option("--root", options.root,
                   "The folder for the files; made if it is missing. On tmpfs if you can");
    app.add_option("--step", raw.step, "How often the files are updated")->capture_default_str();
    app.add_option("--truth", options.truth, "Records the truth here, one JSON object per update");
    app.add_option("--duration", raw.duration, "Ends after this time; 0: at SIGTERM")
        ->capture_default_str();
    add_scenario_options(app, options);
    add_real_load_options(app, raw, options);
}

Error bad_subzone(std::string_view part) {
    return Error{Severity::fatal, "not a subzone with its part of the package's energy",
                 "'" + std::string(part) + "'",
                 "Write core, uncore or dram and a number from 0 to 1: core=0.6,dram=0.15"};
}

std::uint64_t part_of(std::uint64_t microwatts, std::uint64_t millionths) {
    return microwatts * millionths / kWhole;
}

Result<bool> parse_subzone(std::string_view part, PowerSpec& power) {
    const std::size_t equals = part.find('=');
    const std::string_view name = part.substr(0, equals);
    constexpr std::uint64_t kNone = kWhole + 1;
    const std::uint64_t millionths =
        equals == std::string_view::npos
            ? kNone
            : parse_millionths(part.substr(equals + 1)).value_or(kNone);
    std::optional<ZoneSpec>* zone = name == "core"     ? &power.core
                                    : name == "uncore" ? &power.uncore
                                    : name == "dram"   ? &power.dram
                                                       : nullptr;
    if (zone == nullptr || millionths > kWhole) {
        return bad_subzone(part);
    }
    *zone = power.package;
    (*zone)->idle_uw = part_of(power.package.idle_uw, millionths);
    (*zone)->per_cpu_uw = part_of(power.package.per_cpu_uw, millionths);
    return true;
}

} // namespace

Result<bool> parse_subzones(std::string_view text, PowerSpec& power) {
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find(','));
        if (auto parsed = parse_subzone(part, power); !parsed) {
            return parsed;
        }
        if (part.size() + 1 == text.size()) {
            return bad_subzone(text); // ends with a comma
        }
        text.remove_prefix(std::min(part.size() + 1, text.size()));
    }
    return true;
}

Result<std::uint64_t> to_microwatts(double watts) {
    constexpr double kMostWatts = 10'000;
    if (!(watts >= 0 && watts <= kMostWatts)) {
        return Error{Severity::fatal, "must be from 0 to 10000 W", fmt::format("{} W", watts), {}};
    }
    return static_cast<std::uint64_t>(std::llround(watts * double{kWhole}));
}

OptionsReading read_options(int argc, const char* const* argv) {
    OptionsReading reading;
    RawOptions raw;
    CLI::App app("A host that is not there, as the files that an energy meter reads, and the truth "
                 "about it.",
                 "wattvisor-simulated-host");
    app.footer(kExample);
    add_options(app, raw, reading.options);
    try {
        app.parse(argc, argv);
        convert(raw, reading.options);
    } catch (const CLI::ParseError& error) {
        reading.exit_code = app.exit(error) == 0 ? kExitOk : kExitConfiguration;
    }
    return reading;
}

} // namespace wattvisor::simulated
