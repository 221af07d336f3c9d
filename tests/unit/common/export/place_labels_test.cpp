// SPDX-License-Identifier: Apache-2.0
// Where a process runs, as labels; and series that must not appear twice.
#include "common/export/metrics.hpp"
#include "common/export/prometheus_text.hpp"
#include "families.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace wattvisor {
namespace {

using test::render_prometheus;
using testing::HasSubstr;
using testing::Not;

ConsumerPtr in_a_pod() {
    auto container = std::make_shared<Container>();
    container->id = "abc";
    container->name = "we\"b\n";
    container->runtime = "containerd";
    container->scheduler = "kubernetes";
    container->pod_uid = "0f5c";
    container->node_name = "node-1";
    container->labels = {{"container_label_a", "1\\"}};
    auto process = std::make_shared<Consumer>();
    process->pid = 77;
    process->exe = "postgres";
    process->cmdline = "/p";
    process->container = std::move(container);
    return process;
}

std::string page(const Snapshot& snapshot, bool with_containers) {
    MetricOptions options;
    options.containers = with_containers;
    return render_prometheus(snapshot, options, SelfStats{});
}

TEST(PlaceLabels, AreThoseThatAreKnown) {
    Snapshot snapshot = test::guest_snapshot();
    snapshot.consumers[1].consumer = in_a_pod();
    const std::string text = page(snapshot, true);
    EXPECT_THAT(
        text,
        HasSubstr("scaph_process_power_consumption_microwatts{pid=\"77\",exe=\"postgres\",cmdline="
                  "\"/p\",container_scheduler=\"kubernetes\",container_runtime=\"containerd\","
                  "container_id=\"abc\",container_names=\"we\\\"b\\n\",kubernetes_pod_uid=\"0f5c\","
                  "kubernetes_node_name=\"node-1\",container_label_a=\"1\\\\\"} 925000\n"));
    EXPECT_THAT(text, HasSubstr("exe=\"systemd\",cmdline=\"/usr/bin/systemd--run\"} 0\n"));
}

TEST(PlaceLabels, AreLeftOutUnlessAskedFor) {
    Snapshot snapshot = test::guest_snapshot();
    snapshot.consumers[1].consumer = in_a_pod();
    EXPECT_THAT(page(snapshot, false), Not(HasSubstr("container_")));
}

// A process that ended is told of once more; when its pid is in use again by then, and by the same
// command, both have the same labels. Prometheus refuses a page with a series twice.
TEST(ProcessSeries, AreOneWhenAPidIsUsedAgainWithinATick) {
    Snapshot snapshot = test::guest_snapshot();
    ConsumerAccount again =
        test::consumer(ConsumerKind::process, "77:999", "postgres", 77, {500'000, 0, 0}, 1'000);
    snapshot.consumers.push_back(again);
    const std::string text = page(snapshot, false);
    const std::string series = "wattvisor_process_energy_joules_total{pid=\"77\",exe=\"postgres\","
                               "cmdline=\"/usr/bin/postgres--run\",zone=\"intel-rapl:0\",";
    const std::size_t first = text.find(series);
    ASSERT_NE(first, std::string::npos);
    EXPECT_EQ(text.find(series, first + 1), std::string::npos);
    EXPECT_THAT(text.substr(first, 300), HasSubstr("} 0.500000\n")) << "the one that lives";
    EXPECT_THAT(text, Not(HasSubstr("cmdline=\"/usr/bin/postgres--run\"} 925000\n")));
}

} // namespace
} // namespace wattvisor
