// SPDX-License-Identifier: Apache-2.0
#include "host-agent/config.hpp"

#include "common/base/error.hpp"
#include "common/base/text_file.hpp"
#include "common/config/agent_keys.hpp"
#include "common/config/exporter_section.hpp"
#include "virtiofs/share_settings_yaml.hpp"

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

constexpr std::array kLayouts{YamlChoice<ShareLayout>{"merged", ShareLayout::merged},
                              YamlChoice<ShareLayout>{"per-socket", ShareLayout::per_socket}};

constexpr std::chrono::nanoseconds kLongestKept = 24h * 366;
// Each saving waits for the disk.
constexpr std::chrono::nanoseconds kShortestSaving = 1s;

// Of one zone; what no zone uses when it does nothing.
constexpr double kMostFloorWatts = 10'000;

void read_libvirt(YamlSection section, LibvirtSettings& settings) {
    section.read("uri", settings.uri);
    if (settings.uri.empty()) {
        section.add_problem("uri", "uri must name a connection such as qemu:///system");
    }
    section.read_absolute_path("run_dir", settings.run_dir);
    section.read("reconcile", settings.reconcile, kShortestTick, kLongestTick);
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
    section.read("save_interval", ledger.save_interval, kShortestSaving, kLongestTick);
    // Not less: after a restart of the agent, its VMs are first heard of a moment later.
    section.read("keep_ended", ledger.keep_ended, 1min, kLongestKept);
    section.read("carry", ledger.carry);
}

} // namespace

HostConfigReading read_host_config(std::string_view text, std::string file) {
    HostConfigReading reading;
    HostConfig& config = reading.config;
    YamlDocument document(text, std::move(file));
    YamlSection root = document.root();
    read_tick_interval(root, config.interval);
    read_policy(root, config.policy);
    read_cpu_time(root, config.cpu_time);
    root.read("processes", config.processes);
    root.read("resources", config.resources);
    read_libvirt(root.section("libvirt"), config.libvirt);
    read_roots(root.section("roots"), config.roots);
    YamlSection shares = root.section("shares");
    read_share_section(shares, config.shares);
    shares.read_choice("layout", config.share_layout, std::span(kLayouts));
    read_ledger(root.section("ledger"), config.ledger);
    config.exporters = read_exporters(root, {true, config.interval});
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
    check_config(reading.problems);
    return std::move(reading.config);
}

} // namespace wattvisor::host
