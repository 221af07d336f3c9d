// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/scenario_reader.hpp"

#include "common/base/error.hpp"
#include "common/base/text_file.hpp"
#include "tests/simulated-host/scenario_fields.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <optional>
#include <utility>

namespace wattvisor::simulated {

namespace {

using namespace std::chrono_literals;

constexpr std::array kCgroups{YamlChoice<CgroupVersion>{"v2", CgroupVersion::v2},
                              YamlChoice<CgroupVersion>{"v1", CgroupVersion::v1},
                              YamlChoice<CgroupVersion>{"none", CgroupVersion::none}};
constexpr std::uint64_t kMostIdleWatts = 1000;
constexpr std::uint64_t kMostWattsPerCpu = 100;
// Room for the sum of start and total in 64 bits.
constexpr std::int64_t kLargestRange = std::numeric_limits<std::int64_t>::max() / 2;

void read_host(YamlSection section, HostSpec& host) {
    constexpr unsigned kMostCpus = 1024;
    read_count(section, "sockets", host.sockets, 1, 64);
    read_count(section, "cpus_per_socket", host.cpus_per_socket, 1, kMostCpus);
    read_count(section, "nodes_per_socket", host.nodes_per_socket, 1, 16);
    if (host.cpus_per_socket % host.nodes_per_socket != 0) {
        section.add_problem("nodes_per_socket",
                            "nodes_per_socket must divide cpus_per_socket without a rest");
        host.nodes_per_socket = 1;
    }
    auto memory = static_cast<std::int64_t>(host.node_memory_mib);
    section.read("node_memory_mib", memory, 1, 1 << 26);
    host.node_memory_mib = static_cast<std::uint64_t>(memory);
    section.read_choice("cgroup", host.cgroup, std::span(kCgroups));
    read_part(section, "irq", host.irq);
    section.read("booted_before", host.booted_before, 0ns, kLongestTime);
}

void read_counter(YamlSection& section, ZoneSpec& zone) {
    auto range = static_cast<std::int64_t>(zone.range_uj);
    section.read("range_uj", range, 1, kLargestRange);
    zone.range_uj = static_cast<std::uint64_t>(range);
    auto start = static_cast<std::int64_t>(zone.start_uj);
    section.read("start_uj", start, 0, range);
    zone.start_uj = static_cast<std::uint64_t>(start);
}

void read_zone(YamlSection section, ZoneSpec& zone) {
    read_decimal(section, "idle_watts", zone.idle_uw, kMostIdleWatts);
    read_decimal(section, "watts_per_cpu", zone.per_cpu_uw, kMostWattsPerCpu);
    read_counter(section, zone);
}

// The group makes the zone; each kind of zone has the power that it is asked for and no other.
void read_zones(YamlSection section, PowerSpec& power) {
    read_zone(section.section("package"), power.package);
    for (const auto& [name, zone] :
         {std::pair("core", &power.core), std::pair("uncore", &power.uncore),
          std::pair("dram", &power.dram)}) {
        if (section.has(name)) {
            read_zone(section.section(name), zone->emplace());
        }
    }
    if (section.has("psys")) {
        YamlSection psys = section.section("psys");
        read_decimal(psys, "idle_watts", power.psys.emplace().idle_uw, kMostIdleWatts);
        read_counter(psys, *power.psys);
    }
    if (section.has("mmio")) {
        YamlSection mmio = section.section("mmio");
        read_counter(mmio, power.mmio.emplace());
    }
}

} // namespace

ScenarioReading read_scenario(std::string_view text, std::string file) {
    ScenarioReading reading;
    Scenario& scenario = reading.scenario;
    YamlDocument document(text, std::move(file));
    YamlSection root = document.root();
    root.read("title", scenario.title);
    root.read("quantum", scenario.quantum, 1ms, 500ms);
    root.read("keep_ended", scenario.keep_ended, 0ns, kLongestTime);
    root.read("duration", scenario.duration, 0ns, kLongestTime);
    read_host(root.section("host"), scenario.host);
    read_zones(root.section("power"), scenario.power);
    read_vms(root, scenario);
    read_processes(root, scenario);
    read_events(root, scenario);
    reading.problems = document.finish();
    return reading;
}

Scenario load_scenario(const std::filesystem::path& file) {
    const auto text = read_text(file);
    if (!text) {
        throw StartError("cannot read the scenario " + text.error().message(), kExitConfiguration);
    }
    ScenarioReading reading = read_scenario(*text, file.string());
    if (!reading.problems.empty()) {
        throw StartError(fmt::format("the scenario has {} problem{}:\n{}", reading.problems.size(),
                                     reading.problems.size() == 1 ? "" : "s",
                                     describe(reading.problems)),
                         kExitConfiguration);
    }
    return std::move(reading.scenario);
}

} // namespace wattvisor::simulated
