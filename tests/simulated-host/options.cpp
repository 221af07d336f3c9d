// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/options.hpp"

#include "common/cli/duration.hpp"

#include <CLI/CLI.hpp>

#include <limits>
#include <string>
#include <utility>

namespace wattvisor::simulated {

namespace {

constexpr unsigned kMostSockets = 64;
// Room for the sum of start and total in 64 bits, whatever the machine uses.
constexpr std::uint64_t kLargestRange = std::numeric_limits<std::uint64_t>::max() / 4;

constexpr const char* kExample =
    R"(Example: a host of two sockets whose counters are about to wrap, for a minute:
  wattvisor-simulated-host --root /tmp/powercap --sockets 2 --subzones core=0.6,dram=0.15 \
      --start 262143300000 --truth /tmp/truth.jsonl --duration 60s &
  wattvisor-host stdout --powercap /tmp/powercap
A line of the truth holds, per zone, what was really used since the start (total_uj), what the
counter shows (energy_uj) and how often it wrapped; a reader between end_ns of one line and begin_ns
of the next saw exactly that line's values.)";

struct RawOptions {
    double idle_watts = 20;
    double watts_per_cpu = 10;
    std::optional<double> psys_watts;
    std::string subzones;
    std::string step = "50ms";
    std::string duration = "0";
};

template <typename T>
T checked(const char* option, Result<T> result) {
    if (!result) {
        throw CLI::ValidationError(option, result.error().message());
    }
    return std::move(*result);
}

void convert(const RawOptions& raw, Options& options) {
    HostSettings& host = options.host;
    host.idle_uw = checked("--idle-watts", to_microwatts(raw.idle_watts));
    host.per_cpu_uw = checked("--watts-per-cpu", to_microwatts(raw.watts_per_cpu));
    if (raw.psys_watts) {
        host.psys_uw = checked("--psys", to_microwatts(*raw.psys_watts));
    }
    host.subzones = checked("--subzones", parse_subzones(raw.subzones));
    options.step = checked("--step", parse_duration(raw.step));
    options.duration = checked("--duration", parse_duration(raw.duration));
    if (options.step < std::chrono::milliseconds(1)) {
        throw CLI::ValidationError("--step", "must be at least 1ms");
    }
    if (host.start_uj > host.range_uj) {
        throw CLI::ValidationError("--start", "must be at most --range");
    }
}

void add_options(CLI::App& app, RawOptions& raw, Options& options) {
    HostSettings& host = options.host;
    app.add_option("--root", options.root, "The folder of the tree; made if it is missing")
        ->required();
    app.add_option("--sockets", host.sockets, "Sockets; the CPUs are split evenly, in order")
        ->check(CLI::Range(1U, kMostSockets))
        ->capture_default_str();
    app.add_option("--idle-watts", raw.idle_watts, "Power of a socket that does nothing")
        ->capture_default_str();
    app.add_option("--watts-per-cpu", raw.watts_per_cpu, "Power that a busy CPU adds")
        ->capture_default_str();
    app.add_option("--subzones", raw.subzones,
                   "Subzones, each with its part of the package's energy: "
                   "core=0.6,uncore=0.1,dram=0.15");
    app.add_option("--psys", raw.psys_watts,
                   "Adds a psys zone: packages, dram and as many watts more");
    app.add_option("--range", host.range_uj, "max_energy_range_uj, after which a counter wraps")
        ->check(CLI::Range(std::uint64_t{1}, kLargestRange))
        ->capture_default_str();
    app.add_option("--start", host.start_uj, "What the counters show at first, in microjoules")
        ->capture_default_str();
    app.add_option("--step", raw.step, "How often the counters are updated")->capture_default_str();
    app.add_option("--truth", options.truth, "Records the truth here, one JSON object per update");
    app.add_option("--duration", raw.duration, "Ends after this time; 0: at SIGTERM")
        ->capture_default_str();
    app.add_flag("--cleanup", options.cleanup, "Removes the tree at the end");
}

} // namespace

OptionsReading read_options(int argc, const char* const* argv) {
    OptionsReading reading;
    RawOptions raw;
    CLI::App app(
        "Keeps a powercap tree moving from this machine's real CPU load, with known truth.",
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
