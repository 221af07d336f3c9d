// SPDX-License-Identifier: Apache-2.0
// The table against what is really written, against Scaphandre's documents, and against our own.
// WATTVISOR_WRITE_DOCS=1 writes docs/reference/metrics.md anew.
#include "common/export/metric_table.hpp"
#include "common/export/metrics.hpp"
#include "common/export/push/push_counts.hpp"
#include "common/export/push/riemann_events.hpp"
#include "families.hpp"
#include "sample_snapshot.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::string_literals;
using test::build_families;
using test::Family;
using test::FamilyCollector;
using test::MetricSample;

const std::map<std::string, const MetricInfo*>& table() {
    static const auto kByName = [] {
        std::map<std::string, const MetricInfo*> rows;
        for (const MetricInfo& info : kMetricTable) {
            rows.emplace(info.name, &info);
        }
        return rows;
    }();
    return kByName;
}

// Labels of a row: those that are always there, and those that depend on what is asked for.
struct Labels {
    std::vector<std::string> always;
    std::set<std::string> sometimes;
};

const std::set<std::string> kPlaceLabels{
    "systemd_unit",        "container_scheduler", "container_runtime",        "container_id",
    "container_names",     "kubernetes_pod_name", "kubernetes_pod_namespace", "kubernetes_pod_uid",
    "kubernetes_node_name"};

Labels labels_of(const MetricInfo& info) {
    Labels labels;
    std::string text(info.labels);
    const std::string place = "[container labels]";
    if (const std::size_t at = text.find(place); at != std::string::npos) {
        text.erase(at, place.size());
        labels.sometimes = kPlaceLabels;
    }
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        if (word.front() == '[') {
            labels.sometimes.insert(word.substr(1, word.size() - 2));
        } else {
            labels.always.push_back(word);
        }
    }
    return labels;
}

HostStats machine() {
    HostStats host;
    host.load = HostStats::Load{0.5, 1.25, 2};
    host.memory = HostStats::Memory{8000, 6000, 4000, 2000, 1000};
    host.activity = HostStats::Activity{11, 12, 13, 14};
    host.cpu_mhz = 2400.5;
    host.cpus = 4;
    host.disks = {{"/dev/sda2", "/", "ext4", "SSD", false, 5000, 3000},
                  {"/dev/sdb1", "/srv \"x\"", "xfs", "HDD", true, 9000, 1000}};
    return host;
}

std::shared_ptr<const ProcessResources> resources() {
    auto made = std::make_shared<ProcessResources>();
    *made = {4096, 8192, 100, 200, 10, 20};
    return made;
}

ContainerPtr container() {
    auto made = std::make_shared<Container>();
    made->id = "abc";
    made->name = "web";
    made->runtime = "docker";
    made->scheduler = "kubernetes";
    made->pod_name = "web-0";
    made->pod_namespace = "prod";
    made->pod_uid = "uid";
    made->node_name = "node-1";
    made->labels = {{"container_label_team", "blue"}};
    return made;
}

// Everything that a snapshot can hold, of a host or of a guest.
Snapshot full(Snapshot snapshot) {
    snapshot.source_epoch = "local";
    snapshot.source_sequence = 7;
    snapshot.time_source = "clock";
    snapshot.zones[0].floor_uw = 3'000'000;
    snapshot.repeated = {{snapshot.zones[0].zone, 123}, {snapshot.zones[1].zone, 456}};
    for (ConsumerAccount& account : snapshot.consumers) {
        account.cpu_usage = 0.5;
        account.resources = resources();
        account.carried[ZoneKind::package] = 5;
        account.components.emplace();
    }
    auto placed = std::make_shared<Consumer>(*snapshot.consumers.back().consumer);
    if (placed->kind == ConsumerKind::process) {
        placed->container = container();
        placed->systemd_unit = "web.service";
        snapshot.consumers.back().consumer = placed;
    }
    snapshot.units = {{"web.service", nullptr, 1'500'000, 250'000}};
    snapshot.containers = {{"abc", container(), 2'500'000, 750'000}};
    return snapshot;
}

std::vector<Family> page(const Snapshot& snapshot) {
    MetricOptions options;
    options.qemu = true;
    options.containers = true;
    options.snapshot_age = std::chrono::seconds(1);
    return build_families(snapshot, options, SelfStats{SelfMemory{1000, 200, 100}, 0.25},
                          machine());
}

// Written by the host agent itself, about libvirt: host_metrics_test.
bool is_told_elsewhere(std::string_view name) {
    constexpr std::array<std::string_view, 4> kNames{"wattvisor_libvirt_up",
                                                     "wattvisor_libvirt_answer_age_seconds",
                                                     "wattvisor_vms", "wattvisor_share_up"};
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

void expect_like_the_table(const Family& family) {
    const auto row = table().find(family.name);
    ASSERT_NE(row, table().end()) << family.name << " is not in the table";
    EXPECT_EQ(family.type, row->second->type) << family.name;
    EXPECT_EQ(family.help, row->second->help) << family.name;
    const Labels expected = labels_of(*row->second);
    for (const MetricSample& sample : family.samples) {
        std::vector<std::string> names;
        for (const auto& [name, value] : sample.labels) {
            if (!expected.sometimes.contains(name) && !name.starts_with("container_label_")) {
                names.push_back(name);
            }
        }
        EXPECT_EQ(names, expected.always) << family.name;
    }
}

TEST(MetricTable, HasEachNameOnce) {
    EXPECT_EQ(table().size(), std::size(kMetricTable));
}

TEST(MetricTable, IsWhatIsWritten) {
    for (const Snapshot& snapshot : {full(test::host_snapshot()), full(test::guest_snapshot())}) {
        for (const Family& family : page(snapshot)) {
            expect_like_the_table(family);
        }
    }
}

TEST(MetricTable, HoldsNothingThatNobodyWrites) {
    std::set<std::string> of_host;
    std::set<std::string> of_guest;
    for (const Family& family : page(full(test::host_snapshot()))) {
        of_host.insert(family.name);
    }
    for (const Family& family : page(full(test::guest_snapshot()))) {
        of_guest.insert(family.name);
    }
    PushStatistics push;
    (void)push.of("riemann");
    FamilyCollector pushed;
    push.write(pushed);
    for (const Family& family : pushed.take()) {
        of_host.insert(family.name);
        of_guest.insert(family.name);
    }
    for (const MetricInfo& info : kMetricTable) {
        if (is_told_elsewhere(info.name)) {
            continue;
        }
        const std::string name(info.name);
        if (info.agents == MetricAgents::guest || info.agents == MetricAgents::both) {
            EXPECT_TRUE(of_guest.contains(name)) << name;
        }
        // The host's snapshot here has VMs only; its processes are written by the same function.
        if (info.agents != MetricAgents::guest && !name.starts_with("wattvisor_process_")) {
            EXPECT_TRUE(of_host.contains(name)) << name;
        }
    }
}

ContainerPtr container_of(std::string id, std::string owner) {
    auto made = std::make_shared<Container>(*container());
    made->id = std::move(id);
    made->owner = std::move(owner);
    return made;
}

// Of everything several, as much alike as they can be.
Snapshot crowded() {
    Snapshot snapshot = full(test::host_snapshot());
    const std::vector<std::uint64_t> used{1, 2, 3, 4, 5, 6, 7, 8};
    for (const auto& [id, name, kind] :
         {std::tuple{"intel-rapl:0:2", "core", ZoneKind::core}, // a socket may have two of a name
          std::tuple{"intel-rapl:1:0", "core", ZoneKind::core},
          std::tuple{"intel-rapl:1:1", "dram", ZoneKind::dram}}) {
        const unsigned socket = std::string_view(id).starts_with("intel-rapl:1") ? 1 : 0;
        snapshot.zones.push_back(test::zone(id, name, kind, socket, 7, 8));
    }
    for (const ZoneAccount& account : snapshot.zones) {
        snapshot.repeated.push_back({account.zone, 9});
    }
    for (const pid_t pid : {7, 77, 777}) {
        snapshot.consumers.push_back(test::consumer(
            ConsumerKind::process, std::to_string(pid) + ":10", "nginx", pid, used, 1));
        snapshot.consumers.back().cpu_usage = 0.5;
        snapshot.consumers.back().resources = resources();
    }
    const std::string most(600, 'u'); // longer than a service may be
    snapshot.units.clear();
    for (const std::string& name : {"a.service"s, "b.service"s, "\xff.service"s, "\xfe.service"s,
                                    "\uFFFD.service"s, most + "1", most + "2"}) {
        snapshot.units.push_back({name, nullptr, 1, 2});
    }
    snapshot.containers = {{"", container_of("abc", ""), 1, 2},
                           {"", container_of("abd", ""), 1, 2},
                           {"", container_of("abc", "user@1000.service"), 1, 2}};
    return snapshot;
}

HostStats crowded_machine() {
    HostStats host = machine();
    const std::string deep = "/" + std::string(600, 'd');
    host.disks.push_back({"/dev/sda2", "/home", "btrfs", "SSD", false, 1, 1});
    host.disks.push_back({"/dev/sda2", deep + "1", "btrfs", "SSD", false, 1, 1});
    host.disks.push_back({"/dev/sda2", deep + "2", "btrfs", "SSD", false, 1, 1});
    return host;
}

// All services of a page by the series that have them; the first of each series is its own.
struct Services {
    std::map<std::string, std::string> own;
    std::set<std::string> shared;
    std::size_t series = 0;
};

void collect_services(const std::vector<Family>& families, Services& services) {
    for (const Family& family : families) {
        for (const MetricSample& sample : family.samples) {
            std::vector<Label> labels;
            std::string series = family.name;
            for (const auto& [name, value] : sample.labels) {
                labels.push_back({name, value});
                series.append(" ").append(name).append("=").append(value);
            }
            const auto names = riemann_services(family.name, labels);
            const auto [same, is_new] = services.own.emplace(names.front(), series);
            EXPECT_TRUE(is_new) << names.front() << " is of both " << same->second << " and "
                                << series;
            services.shared.insert(names.begin() + 1, names.end());
            ++services.series;
        }
    }
}

// Riemann's index keeps one event per host and service: the sockets of a machine overwrote each
// other there.
TEST(MetricTable, EachSeriesHasARiemannServiceOfItsOwn) {
    MetricOptions options;
    options.qemu = options.containers = true;
    options.snapshot_age = std::chrono::seconds(1);
    FamilyCollector everything;
    write_metrics(crowded(), options, SelfStats{SelfMemory{1000, 200, 100}, 0.25}, everything,
                  crowded_machine());
    PushStatistics push;
    for (const char* exporter : {"prometheus-push", "riemann", "warp10"}) {
        (void)push.of(exporter);
    }
    push.write(everything);
    Services services;
    collect_services(everything.take(), services);
    EXPECT_GT(services.series, 250U);
    for (const std::string& name : services.shared) {
        EXPECT_FALSE(services.own.contains(name)) << name;
    }
    for (const char* known : {"scaph_host_power_microwatts", "scaph_socket_power_microwatts_1",
                              "scaph_process_power_consumption_microwatts_777_nginx"}) {
        EXPECT_TRUE(services.own.contains(known)) << known;
    }
    for (const char* known :
         {"scaph_socket_power_microwatts", "process_power_consumption_microwatts_777_nginx"}) {
        EXPECT_TRUE(services.shared.contains(known)) << known;
    }
}

// A label that nobody has thought of here would make series of one service.
TEST(MetricTable, EachLabelTellsSeriesApartAtRiemannOrOnlyDescribesThem) {
    std::istringstream words("exe cmdline " // of a process, which has its pid
                             "zone_name socket disk_file_system disk_type disk_is_removable "
                             "container_names container_runtime name title enrolled "
                             "version epoch policy cpu_time sees_ends"); // of metrics of one series
    const std::set<std::string> describe{std::istream_iterator<std::string>(words), {}};
    for (const MetricInfo& info : kMetricTable) {
        for (const std::string& label : labels_of(info).always) {
            const Label one{label, "1"};
            const Label other{label, "2"};
            EXPECT_NE(riemann_services(info.name, {&one, 1}).front() ==
                          riemann_services(info.name, {&other, 1}).front(),
                      !describe.contains(label))
                << info.name << " " << label;
        }
    }
}

// One value per name, so that no two are exchanged.
TEST(MetricTable, HasTheRightValueBesideEachName) {
    const Snapshot snapshot = full(test::guest_snapshot());
    std::map<std::string, std::string> values;
    for (const Family& family : page(snapshot)) {
        values[family.name] = family.samples.back().value.text();
    }
    const std::map<std::string, std::string> expected{
        {"scaph_host_power_microwatts", "1000000"},
        {"scaph_host_energy_microjoules", "3000000"},
        {"scaph_host_energy_timestamp_seconds", "1750000002.250"},
        {"scaph_socket_power_microwatts", "900000"},
        {"scaph_socket_energy_microjoules", "2000000"},
        {"scaph_socket_rapl_mmio_energy_microjoules", "123"},
        {"scaph_domain_power_microwatts", "100000"},
        {"scaph_domain_energy_microjoules", "1000000"},
        {"scaph_domain_rapl_mmio_energy_microjoules", "456"},
        {"scaph_process_power_consumption_microwatts", "925000"},
        {"scaph_process_cpu_usage_percentage", "12.5"},
        {"scaph_process_memory_bytes", "4096"},
        {"scaph_process_memory_virtual_bytes", "8192"},
        {"scaph_process_disk_read_bytes", "10"},
        {"scaph_process_disk_write_bytes", "20"},
        {"scaph_process_disk_total_read_bytes", "100"},
        {"scaph_process_disk_total_write_bytes", "200"},
        {"scaph_host_load_avg_one", "0.5"},
        {"scaph_host_load_avg_five", "1.25"},
        {"scaph_host_load_avg_fifteen", "2"},
        {"scaph_host_cpu_frequency", "2400.5"},
        {"scaph_host_disk_total_bytes", "9000"},
        {"scaph_host_disk_available_bytes", "1000"},
        {"scaph_host_memory_total_bytes", "8000"},
        {"scaph_host_memory_available_bytes", "6000"},
        {"scaph_host_memory_free_bytes", "4000"},
        {"scaph_host_swap_total_bytes", "2000"},
        {"scaph_host_swap_free_bytes", "1000"},
        {"scaph_forks_since_boot_total", "11"},
        {"scaph_context_switches_total", "12"},
        {"scaph_processes_running_current", "13"},
        {"scaph_processes_blocked_current", "14"},
        {"scaph_self_cpu_usage_percent", "0.25"},
        {"scaph_self_mem_total_program_size", "1000"},
        {"scaph_self_mem_resident_set_size", "200"},
        {"scaph_self_mem_shared_resident_size", "100"},
        {"scaph_self_topo_procs_nb", "2"},
        {"scaph_self_topo_stats_nb", "2"},
        {"scaph_self_topo_records_nb", "2"},
        {"scaph_self_socket_stats_nb", "2"},
        {"scaph_self_socket_records_nb", "2"},
        {"scaph_self_domain_records_nb", "2"},
        {"wattvisor_process_energy_joules_total", "0.000020"},
        {"wattvisor_unit_energy_joules_total", "1.500000"},
        {"wattvisor_unit_power_watts", "0.250000"},
        {"wattvisor_container_energy_joules_total", "2.500000"},
        {"wattvisor_container_power_watts", "0.750000"},
    };
    for (const auto& [name, value] : expected) {
        EXPECT_EQ(values[name], value) << name;
    }
}

// All names of the documents that Wattvisor follows to the letter.
TEST(MetricTable, HasEveryNameOfTheSeed) {
    constexpr std::array kSeed{
        "scaph_host_power_microwatts",      "scaph_process_power_consumption_microwatts",
        "scaph_host_energy_microjoules",    "scaph_host_energy_timestamp_seconds",
        "scaph_socket_power_microwatts",    "scaph_self_mem_total_program_size",
        "scaph_self_mem_resident_set_size", "scaph_self_mem_shared_resident_size",
        "scaph_self_topo_stats_nb",         "scaph_self_topo_records_nb",
        "scaph_self_topo_procs_nb",         "scaph_self_socket_stats_nb",
        "scaph_self_socket_records_nb",     "scaph_self_domain_records_nb",
    };
    std::size_t marked = 0;
    for (const MetricInfo& info : kMetricTable) {
        marked += info.origin == MetricOrigin::seed ? 1 : 0;
    }
    EXPECT_EQ(marked, kSeed.size());
    for (const char* name : kSeed) {
        ASSERT_TRUE(table().contains(name)) << name;
        EXPECT_EQ(table().at(name)->origin, MetricOrigin::seed) << name;
    }
}

const char* agents_text(MetricAgents agents) {
    switch (agents) {
    case MetricAgents::host:
        return "H";
    case MetricAgents::guest:
        return "G";
    case MetricAgents::both:
        break;
    }
    return "H G";
}

const char* origin_text(MetricOrigin origin) {
    return origin == MetricOrigin::seed ? "seed" : "later";
}

std::string labels_text(const MetricInfo& info) {
    std::string text(info.labels);
    std::string out;
    while (!text.empty()) {
        const std::size_t end = text.front() == '[' ? text.find(']') + 1 : text.find(' ');
        std::string word = text.substr(0, end);
        text.erase(0, word.size());
        text.erase(0, text.starts_with(' ') ? 1 : 0);
        out += out.empty() ? "" : ", ";
        if (word == "[container labels]") {
            out += word;
        } else if (word.front() == '[') {
            out += "[`" + word.substr(1, word.size() - 2) + "`]";
        } else {
            out += "`" + word + "`";
        }
    }
    return out.empty() ? "–" : out;
}

std::string render(bool of_scaphandre) {
    std::ostringstream out;
    out << (of_scaphandre ? "| name | type | unit | labels | agent | from | meaning |\n"
                            "|---|---|---|---|---|---|---|\n"
                          : "| name | type | unit | labels | agent | meaning |\n"
                            "|---|---|---|---|---|---|\n");
    for (const MetricInfo& info : kMetricTable) {
        if ((info.origin != MetricOrigin::wattvisor) != of_scaphandre) {
            continue;
        }
        out << "| `" << info.name << "` | " << (info.type == MetricType::counter ? "c" : "g")
            << " | " << info.unit << " | " << labels_text(info) << " | " << agents_text(info.agents)
            << " | ";
        if (of_scaphandre) {
            out << origin_text(info.origin) << " | ";
        }
        out << info.help << " |\n";
    }
    return out.str();
}

// The document with its tables as they should be.
std::string with_tables(std::string document) {
    for (const bool of_scaphandre : {true, false}) {
        const std::string name = of_scaphandre ? "scaphandre" : "wattvisor";
        const std::string begin = "<!-- table: " + name + " -->\n";
        const std::string end = "<!-- end of table: " + name + " -->\n";
        const std::size_t from = document.find(begin);
        const std::size_t to = document.find(end);
        if (from == std::string::npos || to == std::string::npos) {
            ADD_FAILURE() << "metrics.md lacks the marks of the table " << name;
            return document;
        }
        const std::size_t inside = from + begin.size();
        document.replace(inside, to - inside, "\n" + render(of_scaphandre) + "\n");
    }
    return document;
}

TEST(MetricTable, IsTheReferencesOwn) {
    std::ifstream file(WATTVISOR_METRICS_MD);
    std::stringstream text;
    text << file.rdbuf();
    const std::string expected = with_tables(text.str());
    if (std::getenv("WATTVISOR_WRITE_DOCS") != nullptr) { // NOLINT(concurrency-mt-unsafe)
        std::ofstream(WATTVISOR_METRICS_MD) << expected;
        return;
    }
    EXPECT_TRUE(text.str() == expected)
        << "docs/reference/metrics.md is not what the table says. Type: WATTVISOR_WRITE_DOCS=1 "
           "ctest --preset dev -R MetricTable";
}

} // namespace
} // namespace wattvisor
