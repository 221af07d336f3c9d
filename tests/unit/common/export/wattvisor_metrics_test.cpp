// SPDX-License-Identifier: Apache-2.0
#include "common/export/metrics.hpp"
#include "common/export/prometheus_text.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

std::string own(const Snapshot& snapshot, const MetricOptions& options = {}) {
    std::string out;
    PrometheusText sink(out);
    write_wattvisor_metrics(snapshot, options, sink);
    return out;
}

TEST(WattvisorMetrics, OfHealth) {
    MetricOptions options;
    options.version = "0.1.0";
    options.snapshot_age = 250ms;
    const std::string text = own(test::host_snapshot(), options);
    for (const char* line : {
             "\nwattvisor_build_info{version=\"0.1.0\"} 1\n",
             "\nwattvisor_epoch_info{epoch=\"5f0c\"} 1\n",
             "\nwattvisor_source_up 1\n",
             "\nwattvisor_estimated 0\n",
             "\nwattvisor_snapshot_sequence 42\n",
             "\nwattvisor_snapshot_age_seconds 0.25\n",
             "\nwattvisor_interval_seconds 1\n",
             "\nwattvisor_measured_interval_seconds 1.00025\n",
             "\nwattvisor_ticks_total 43\n",
             "\nwattvisor_ticks_skipped_total 1\n",
             "\nwattvisor_conservation_error_microjoules 0\n",
         }) {
        EXPECT_THAT(text, HasSubstr(line));
    }
}

TEST(WattvisorMetrics, NameTheMeasurementOfTheSource) {
    Snapshot snapshot = test::guest_snapshot();
    EXPECT_THAT(own(snapshot), Not(HasSubstr("wattvisor_source_info")));
    snapshot.source_epoch = "beef";
    snapshot.source_sequence = 9;
    EXPECT_THAT(own(snapshot), HasSubstr("\nwattvisor_source_info{epoch=\"beef\"} 1\n"));
    EXPECT_THAT(own(snapshot), HasSubstr("\nwattvisor_source_sequence 9\n"));
}

TEST(WattvisorMetrics, SayThatTheSourceIsDownOrAModel) {
    Snapshot snapshot = test::host_snapshot();
    test::take_source_down(snapshot, "gone");
    snapshot.estimated = true;
    EXPECT_THAT(own(snapshot), HasSubstr("\nwattvisor_source_up 0\n"));
    EXPECT_THAT(own(snapshot), HasSubstr("\nwattvisor_estimated 1\n"));
}

TEST(WattvisorMetrics, OfZones) {
    Snapshot snapshot = test::host_snapshot();
    snapshot.zones[4].readable = false;
    const std::string text = own(snapshot);
    for (const char* line : {
             "\nwattvisor_zone_up{zone=\"intel-rapl:0\"} 1\n",
             "\nwattvisor_zone_up{zone=\"intel-rapl:2\"} 0\n",
             "\nwattvisor_zone_energy_joules_total{zone=\"intel-rapl:0\",zone_name=\"package-0\","
             "socket=\"0\"} 10.000001\n",
             "\nwattvisor_zone_energy_joules_total{zone=\"intel-rapl:2\",zone_name=\"psys\","
             "socket=\"0\"} 30.000000\n",
             "\nwattvisor_zone_wraps_total{zone=\"intel-rapl:0\"} 2\n",
             "\nwattvisor_zone_resets_total{zone=\"intel-rapl:1\"} 1\n",
             "\nwattvisor_other_energy_joules_total{zone=\"intel-rapl:0\",zone_name="
             "\"package-0\"} 0.000007\n",
             "\nwattvisor_idle_energy_joules_total{zone=\"intel-rapl:0\",zone_name="
             "\"package-0\"} 0.000008\n",
             "\nwattvisor_ended_energy_joules{zone=\"intel-rapl:0\",zone_name="
             "\"package-0\"} 0.000009\n",
         }) {
        EXPECT_THAT(text, HasSubstr(line));
    }
}

TEST(WattvisorMetrics, OfVms) {
    const std::string text = own(test::host_snapshot());
    const std::string uuid = "{uuid=\"11111111-2222-3333-4444-555555555555\"";
    EXPECT_THAT(text, HasSubstr("\nwattvisor_vm_info" + uuid +
                                ",name=\"db\",title=\"The db machine\",enrolled=\"true\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("\nwattvisor_vm_energy_joules_total" + uuid +
                                ",zone=\"intel-rapl:0\",zone_name=\"package-0\"} 1.000001\n"));
    EXPECT_THAT(text, HasSubstr("\nwattvisor_vm_power_watts" + uuid + "} 10.312500\n"));
    EXPECT_THAT(text, HasSubstr("\nwattvisor_vm_cpu_seconds_total" + uuid + "} 1.500000001\n"));
    // A power that is not known is absent; the VM itself is not.
    EXPECT_THAT(text, Not(HasSubstr("wattvisor_vm_power_watts{uuid=\"aaaaaaaa")));
    EXPECT_THAT(text, HasSubstr("wattvisor_vm_info{uuid=\"aaaaaaaa"));
    EXPECT_THAT(text, Not(HasSubstr("wattvisor_process")));
}

// The sum over a process' series must be its energy: core is inside package.
TEST(WattvisorMetrics, OfProcessesCountNoJouleTwice) {
    const std::string text = own(test::guest_snapshot());
    const std::string process = "\nwattvisor_process_energy_joules_total{pid=\"77\",exe="
                                "\"postgres\",cmdline=\"/usr/bin/postgres--run\",zone=";
    EXPECT_THAT(text, HasSubstr(process + "\"intel-rapl:0\",zone_name=\"package-0\"} 1.234567\n"));
    EXPECT_THAT(text, HasSubstr(process + "\"intel-rapl:0:1\",zone_name=\"dram\"} 0.000020\n"));
    EXPECT_THAT(text, Not(HasSubstr(process + "\"intel-rapl:0:0\"")));
    EXPECT_THAT(text, Not(HasSubstr("wattvisor_vm_")));
}

} // namespace
} // namespace wattvisor
