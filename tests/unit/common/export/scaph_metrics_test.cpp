// SPDX-License-Identifier: Apache-2.0
// Scaphandre's metrics, to the letter: what its users' dashboards ask for.
#include "common/export/metrics.hpp"
#include "common/export/prometheus_text.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattvisor {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string scaph(const Snapshot& snapshot, const MetricOptions& options = {},
                  const SelfStats& self = {}) {
    std::string out;
    PrometheusText sink(out);
    write_scaph_metrics(snapshot, options, self, sink);
    return out;
}

TEST(ScaphMetrics, OfTheHost) {
    const std::string text = scaph(test::host_snapshot());
    // Both packages and dram; not core, which is inside a package, nor psys, which holds all.
    EXPECT_THAT(text, HasSubstr("# TYPE scaph_host_power_microwatts gauge\n"
                                "scaph_host_power_microwatts 25500000\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE scaph_host_energy_microjoules counter\n"
                                "scaph_host_energy_microjoules 16000001\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE scaph_host_energy_timestamp_seconds counter\n"
                                "scaph_host_energy_timestamp_seconds 1750000002.250\n"));
}

TEST(ScaphMetrics, OfSocketsAndDomains) {
    const std::string text = scaph(test::host_snapshot());
    EXPECT_THAT(text, HasSubstr("# TYPE scaph_socket_power_microwatts gauge\n"
                                "scaph_socket_power_microwatts{socket_id=\"0\"} 15200000\n"
                                "scaph_socket_power_microwatts{socket_id=\"1\"} 7000000\n"
                                "# HELP scaph_socket_energy_microjoules"));
    EXPECT_THAT(text, HasSubstr("scaph_socket_energy_microjoules{socket_id=\"0\"} 10000001\n"));
    EXPECT_THAT(text, HasSubstr("scaph_domain_power_microwatts{domain_name=\"core\",domain_id="
                                "\"0\",socket_id=\"0\"} 4100000\n"));
    EXPECT_THAT(text, HasSubstr("scaph_domain_energy_microjoules{domain_name=\"dram\",domain_id="
                                "\"1\",socket_id=\"0\"} 1000000\n"));
    EXPECT_THAT(text, Not(HasSubstr("psys")));
}

// A sum without the missing part would be a wrong number that looks right (Scaphandre #147).
TEST(ScaphMetrics, LeaveOutPowerThatIsNotKnown) {
    Snapshot snapshot = test::host_snapshot();
    snapshot.zones[3].readable = false;
    snapshot.zones[3].power_uw.reset();
    const std::string text = scaph(snapshot);
    EXPECT_THAT(text, Not(HasSubstr("scaph_host_power_microwatts")));
    EXPECT_THAT(text, Not(HasSubstr("scaph_socket_power_microwatts{socket_id=\"1\"}")));
    EXPECT_THAT(text, HasSubstr("scaph_socket_power_microwatts{socket_id=\"0\"} 15200000\n"));
    EXPECT_THAT(text, HasSubstr("scaph_socket_energy_microjoules{socket_id=\"1\"} 5000000\n"));
}

// Two dies of one socket have a zone each; the same labels twice would fail the whole scrape.
TEST(ScaphMetrics, AddUpTheDiesOfASocket) {
    Snapshot snapshot = test::host_snapshot();
    snapshot.zones[3].zone.socket = 0;
    snapshot.zones.push_back(
        test::zone("intel-rapl:1:0", "core", ZoneKind::core, 0, 5, std::nullopt));
    const std::string text = scaph(snapshot);
    EXPECT_THAT(text, HasSubstr("scaph_socket_power_microwatts{socket_id=\"0\"} 22200000\n"));
    EXPECT_THAT(text, HasSubstr("scaph_socket_energy_microjoules{socket_id=\"0\"} 15000001\n"));
    EXPECT_THAT(text, HasSubstr("scaph_domain_energy_microjoules{domain_name=\"core\",domain_id="
                                "\"0\",socket_id=\"0\"} 4000005\n"));
    EXPECT_THAT(text, Not(HasSubstr("scaph_domain_power_microwatts{domain_name=\"core\"")));
}

TEST(ScaphMetrics, OfProcesses) {
    const std::string text = scaph(test::guest_snapshot());
    EXPECT_THAT(text, HasSubstr("# TYPE scaph_process_power_consumption_microwatts gauge\n"
                                "scaph_process_power_consumption_microwatts{pid=\"1\",exe="
                                "\"systemd\",cmdline=\"/usr/bin/systemd--run\"} 0\n"
                                "scaph_process_power_consumption_microwatts{pid=\"77\",exe="
                                "\"postgres\",cmdline=\"/usr/bin/postgres--run\"} 925000\n"));
}

TEST(ScaphMetrics, ShowAVmAsItsQemuProcessAndNameItWhereAsked) {
    const std::string process = "scaph_process_power_consumption_microwatts{pid=\"4242\",exe="
                                "\"qemu-system-x86\",cmdline="
                                "\"/usr/bin/qemu-system-x86_64-nameguest=db\"";
    EXPECT_THAT(scaph(test::host_snapshot()), HasSubstr(process + "} 10312500\n"));
    MetricOptions options;
    options.qemu = true;
    EXPECT_THAT(scaph(test::host_snapshot(), options),
                HasSubstr(process + ",vmname=\"db\"} 10312500\n"));
    // The second VM has no process known.
    EXPECT_THAT(scaph(test::host_snapshot(), options), Not(HasSubstr("pid=\"0\"")));
    EXPECT_THAT(scaph(test::guest_snapshot(), options), Not(HasSubstr("vmname")));
}

TEST(ScaphMetrics, OfTheAgentItself) {
    const SelfStats self{SelfMemory{1000, 200, 100}, 0.25};
    const std::string text = scaph(test::host_snapshot(), {}, self);
    EXPECT_THAT(text, HasSubstr("\nscaph_self_cpu_usage_percent 0.25\n"));
    EXPECT_THAT(text, HasSubstr("\nscaph_self_mem_total_program_size 1000\n"));
    EXPECT_THAT(text, HasSubstr("\nscaph_self_mem_resident_set_size 200\n"));
    EXPECT_THAT(text, HasSubstr("\nscaph_self_mem_shared_resident_size 100\n"));
    EXPECT_THAT(scaph(test::host_snapshot()), Not(HasSubstr("scaph_self_mem")));
}

TEST(ScaphMetrics, CountTheRecordsThatAreKept) {
    Snapshot snapshot = test::host_snapshot();
    const std::string text = scaph(snapshot);
    EXPECT_THAT(text, HasSubstr("\nscaph_self_topo_stats_nb 2\n"));
    EXPECT_THAT(text, HasSubstr("\nscaph_self_topo_records_nb 2\n"));
    EXPECT_THAT(text, HasSubstr("\nscaph_self_topo_procs_nb 2\n"));
    EXPECT_THAT(text, HasSubstr("\nscaph_self_socket_stats_nb{socket_id=\"1\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("\nscaph_self_socket_records_nb{socket_id=\"1\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("\nscaph_self_domain_records_nb{socket_id=\"0\",rapl_domain_name="
                                "\"dram\"} 2\n"));
    snapshot.measured.reset();
    snapshot.zones[0].power_uw.reset();
    const std::string first = scaph(snapshot);
    EXPECT_THAT(first, HasSubstr("\nscaph_self_topo_stats_nb 1\n"));
    EXPECT_THAT(first, HasSubstr("\nscaph_self_topo_records_nb 1\n"));
    EXPECT_THAT(scaph(Snapshot{}), HasSubstr("\nscaph_self_topo_stats_nb 0\n"));
}

TEST(VersionValue, IsTheSeedsFloat) {
    EXPECT_EQ(version_value("0.1.0").text(), "0.10");
    EXPECT_EQ(version_value("1.0.2").text(), "1.02");
    EXPECT_EQ(version_value("0.4.1").text(), "0.41");
    EXPECT_EQ(version_value("2.0.0-rc1").text(), "2.00");
    EXPECT_EQ(version_value("").text(), "0");
}

} // namespace
} // namespace wattvisor
