// SPDX-License-Identifier: Apache-2.0
#include "host-agent/config.hpp"

#include "common/base/error.hpp"
#include "common/base/text_file.hpp"
#include "virtiofs/share_settings_yaml.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

namespace wattvisor::host {

namespace {

using namespace std::chrono_literals;

constexpr std::array kPolicies{YamlChoice<Policy>{"active", Policy::active},
                               YamlChoice<Policy>{"capacity", Policy::capacity},
                               YamlChoice<Policy>{"static", Policy::static_floor}};

constexpr std::array kDramChoices{YamlChoice<DramBy>{"cpu-time", DramBy::cpu_time},
                                  YamlChoice<DramBy>{"memory", DramBy::memory}};

constexpr std::array kCpuTimeChoices{YamlChoice<CpuTimeChoice>{"auto", CpuTimeChoice::automatic},
                                     YamlChoice<CpuTimeChoice>{"clock", CpuTimeChoice::clock},
                                     YamlChoice<CpuTimeChoice>{"bpf", CpuTimeChoice::bpf}};

constexpr std::array kLayouts{YamlChoice<ShareLayout>{"merged", ShareLayout::merged},
                              YamlChoice<ShareLayout>{"per-socket", ShareLayout::per_socket}};

enum class ExporterType { prometheus };
constexpr std::array kExporterTypes{
    YamlChoice<ExporterType>{"prometheus", ExporterType::prometheus}};

// Finer than a tenth of a second measures the counters' own update step; coarser than an hour may
// miss a whole wrap of a 32-bit RAPL counter (262 kJ).
constexpr std::chrono::nanoseconds kShortestInterval = 100ms;
constexpr std::chrono::nanoseconds kLongestInterval = 1h;
constexpr std::chrono::nanoseconds kLongestKept = 24h * 366;
// Each saving waits for the disk.
constexpr std::chrono::nanoseconds kShortestSaving = 1s;

// Of one zone; what no zone uses when it does nothing.
constexpr double kMostFloorWatts = 10'000;

// The kernel's limit for arguments and environment together, of a usual stack of 8 MiB.
constexpr std::int64_t kLongestCmdline = 2 << 20;

void read_libvirt(YamlSection section, LibvirtSettings& settings) {
    section.read("uri", settings.uri);
    if (settings.uri.empty()) {
        section.add_problem("uri", "uri must name a connection such as qemu:///system");
    }
    section.read_absolute_path("run_dir", settings.run_dir);
    section.read("reconcile", settings.reconcile, kShortestInterval, kLongestInterval);
}

void read_policy(YamlSection& root, PolicySettings& settings) {
    root.read_choice("policy", settings.policy, std::span(kPolicies));
    root.read_choice("dram", settings.dram_by, std::span(kDramChoices));
    if (!root.has("floor_watts")) {
        return;
    }
    if (settings.policy != Policy::static_floor) {
        root.add_problem("floor_watts", "floor_watts is for policy: static; this policy has none");
    }
    YamlSection floor = root.section("floor_watts");
    std::array<std::uint64_t, kZoneKinds> floor_uw{};
    for (std::size_t kind = 0; kind < kZoneKinds; ++kind) {
        double watts = 0;
        floor.read(kZoneKindNames[kind], watts, 0, kMostFloorWatts);
        floor_uw[kind] = static_cast<std::uint64_t>(std::llround(watts * 1e6));
    }
    settings.floor_uw = floor_uw;
}

void read_roots(YamlSection section, Roots& roots) {
    section.read_absolute_path("proc", roots.proc);
    section.read_absolute_path("sys", roots.sys);
    roots.powercap = roots.sys / "class/powercap";
    section.read_absolute_path("powercap", roots.powercap);
}

void read_ledger(YamlSection section, LedgerSettings& ledger) {
    section.read_absolute_path("file", ledger.file);
    section.read_absolute_path("saved_file", ledger.saved_file);
    section.read("save_interval", ledger.save_interval, kShortestSaving, kLongestInterval);
    // Not less: after a restart of the agent, its VMs are first heard of a moment later.
    section.read("keep_ended", ledger.keep_ended, 1min, kLongestKept);
    section.read("carry", ledger.carry);
}

// The suffix becomes the path of a URL; the seed's users write it with or without the slash.
void read_suffix(YamlSection& section, std::string& suffix) {
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._~-";
    section.read("suffix", suffix);
    suffix.erase(0, suffix.find_first_not_of('/'));
    if (suffix.empty() || suffix.find_first_not_of(kAllowed) != std::string::npos) {
        section.add_problem("suffix", "suffix must be the path of a URL such as metrics, made of "
                                      "letters, digits and / . _ ~ -");
    }
}

PrometheusOptions read_prometheus(YamlSection& section) {
    PrometheusOptions settings;
    settings.qemu = true; // the option's default is the seed's; the daemon is for hypervisors
    section.read("address", settings.address);
    boost::system::error_code no_address;
    boost::asio::ip::make_address(settings.address, no_address);
    if (no_address) {
        section.add_problem("address", "address must be an IP address such as \"::\", 0.0.0.0 or "
                                       "127.0.0.1, not a name");
    }
    std::int64_t port = settings.port;
    section.read("port", port, 1, 65535);
    settings.port = static_cast<std::uint16_t>(port);
    read_suffix(section, settings.suffix);
    section.read("qemu", settings.qemu);
    section.read("containers", settings.containers);
    auto cmdline_limit = static_cast<std::int64_t>(settings.cmdline_limit);
    section.read("cmdline_limit", cmdline_limit, 0, kLongestCmdline);
    settings.cmdline_limit = static_cast<std::size_t>(cmdline_limit);
    return settings;
}

void read_exporters(YamlSection& root, std::vector<ExporterOptions>& exporters) {
    std::vector<std::pair<std::string, std::uint16_t>> taken;
    for (YamlSection& section : root.list("exporters")) {
        auto type = ExporterType::prometheus;
        section.require("type", "type: prometheus");
        if (!section.read_choice("type", type, std::span(kExporterTypes))) {
            section.ignore_other_keys(); // which ones are right depends on the type
            continue;
        }
        const PrometheusOptions settings = read_prometheus(section);
        const std::pair place(settings.address, settings.port);
        if (std::ranges::find(taken, place) != taken.end()) {
            section.add_problem("port", "port " + std::to_string(settings.port) + " of " +
                                            settings.address + " is taken by an exporter above");
        }
        taken.push_back(place);
        exporters.emplace_back(settings);
    }
}

} // namespace

HostConfigReading read_host_config(std::string_view text, std::string file) {
    HostConfigReading reading;
    HostConfig& config = reading.config;
    YamlDocument document(text, std::move(file));
    YamlSection root = document.root();
    root.read("interval", config.interval, kShortestInterval, kLongestInterval);
    read_policy(root, config.policy);
    root.read_choice("cpu_time", config.cpu_time, std::span(kCpuTimeChoices));
    root.read("processes", config.processes);
    root.read("resources", config.resources);
    read_libvirt(root.section("libvirt"), config.libvirt);
    read_roots(root.section("roots"), config.roots);
    YamlSection shares = root.section("shares");
    read_share_section(shares, config.shares);
    shares.read_choice("layout", config.share_layout, std::span(kLayouts));
    read_ledger(root.section("ledger"), config.ledger);
    read_exporters(root, config.exporters);
    reading.problems = document.finish();
    return reading;
}

HostConfig load_host_config(const std::filesystem::path& file) {
    const auto text = read_text(file);
    if (!text) {
        throw StartError("cannot read the configuration " + text.error().message(),
                         kExitConfiguration);
    }
    HostConfigReading reading = read_host_config(*text, file.string());
    if (!reading.problems.empty()) {
        throw StartError("the configuration has " + std::to_string(reading.problems.size()) +
                             (reading.problems.size() == 1 ? " problem:\n" : " problems:\n") +
                             describe(reading.problems),
                         kExitConfiguration);
    }
    return std::move(reading.config);
}

} // namespace wattvisor::host
