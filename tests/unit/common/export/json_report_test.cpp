// SPDX-License-Identifier: Apache-2.0
#include "common/export/json_report.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace wattvisor {
namespace {

using nlohmann::json;

json report(const Snapshot& snapshot, const JsonReportOptions& options = {},
            const HostStats& host = {}) {
    const std::string text = render_json_report(snapshot, host, options);
    EXPECT_EQ(text.find('\n'), std::string::npos) << "one line";
    return json::parse(text);
}

TEST(JsonReport, HasScaphandresKeys) {
    const json host = report(test::host_snapshot());
    EXPECT_EQ(host["host"]["consumption"], 25'500'000U);
    EXPECT_EQ(host["host"]["timestamp"], 1'750'000'002.25);
    EXPECT_TRUE(host["host"]["components"]["disks"].is_null());
    ASSERT_EQ(host["consumers"].size(), 1U) << "the power of the other VM is not known";
    const json& vm = host["consumers"][0];
    EXPECT_EQ(vm["exe"], "qemu-system-x86");
    EXPECT_EQ(vm["cmdline"], "/usr/bin/qemu-system-x86_64-nameguest=db");
    EXPECT_EQ(vm["pid"], 4242);
    EXPECT_EQ(vm["consumption"], 10'312'500U);
    EXPECT_TRUE(vm["resources_usage"].is_null());
    EXPECT_TRUE(vm["container"].is_null());
    EXPECT_EQ(vm["vmname"], "db");
    EXPECT_EQ(vm["uuid"], "11111111-2222-3333-4444-555555555555");
    EXPECT_EQ(vm["energy_microjoules"], 1'000'008U);
    EXPECT_FALSE(report(test::guest_snapshot())["consumers"][0].contains("vmname"));
}

// Scaphandre reports the last socket only.
TEST(JsonReport, HasAllSockets) {
    const json sockets = report(test::host_snapshot())["sockets"];
    ASSERT_EQ(sockets.size(), 2U);
    EXPECT_EQ(sockets[0]["id"], 0);
    EXPECT_EQ(sockets[0]["consumption"], 15'200'000U);
    ASSERT_EQ(sockets[0]["domains"].size(), 2U);
    EXPECT_EQ(sockets[0]["domains"][1]["name"], "dram");
    EXPECT_EQ(sockets[0]["domains"][1]["consumption"], 3'300'000U);
    EXPECT_EQ(sockets[1]["consumption"], 7'000'000U);
    EXPECT_EQ(sockets[1]["domains"], json::array());
}

// A counter that cannot be read was 0 W upstream.
TEST(JsonReport, WhatIsNotKnownIsNull) {
    Snapshot snapshot = test::host_snapshot();
    snapshot.zones[0].power_uw.reset();
    const json partial = report(snapshot);
    EXPECT_TRUE(partial["host"]["consumption"].is_null());
    EXPECT_TRUE(partial["sockets"][0]["consumption"].is_null());
    EXPECT_EQ(partial["sockets"][1]["consumption"], 7'000'000U);
}

TEST(JsonReport, TellsResourcesAsNumbersWhereAsked) {
    Snapshot snapshot = test::guest_snapshot();
    auto used = std::make_shared<ProcessResources>();
    used->memory_bytes = 4096;
    used->recent_read_bytes = 12;
    snapshot.consumers[1].resources = used;
    snapshot.consumers[1].cpu_usage = 1.5;
    JsonReportOptions options;
    options.resources = true;
    options.cpus = 4;
    const json usage = report(snapshot, options)["consumers"][0]["resources_usage"];
    EXPECT_EQ(usage["cpu_usage"], 37.5);
    EXPECT_EQ(usage["cpu_usage_unit"], "%");
    EXPECT_EQ(usage["memory_usage"], 4096);
    EXPECT_EQ(usage["disk_usage_read"], 12);
    EXPECT_TRUE(usage["disk_usage_write"].is_null());
}

TEST(JsonReport, TellsContainersAndDisks) {
    Snapshot snapshot = test::guest_snapshot();
    auto who = std::make_shared<Consumer>(*snapshot.consumers[1].consumer);
    Container container;
    container.id = "0123";
    container.runtime = "containerd";
    container.scheduler = "kubernetes";
    container.pod_name = "shop";
    container.pod_namespace = "default";
    who->container = std::make_shared<const Container>(container);
    snapshot.consumers[1].consumer = who;
    HostStats host;
    host.disks = {{"/dev/sda1", "/", "ext4", "SSD", false, 1000, 400}};
    JsonReportOptions options;
    options.containers = true;
    const json told = report(snapshot, options, host);
    EXPECT_EQ(told["consumers"][0]["container"],
              json::parse(R"({"name": "unknown", "id": "0123", "runtime": "containerd",
                              "scheduler": "kubernetes", "pod_name": "shop",
                              "pod_namespace": "default"})"));
    EXPECT_EQ(told["host"]["components"]["disks"][0]["disk_total_bytes"], 1000);
    EXPECT_EQ(told["host"]["components"]["disks"][0]["disk_is_removable"], false);
}

TEST(JsonReport, StaysJsonWhateverANameIs) {
    Snapshot snapshot = test::guest_snapshot();
    snapshot.consumers = {
        test::consumer(ConsumerKind::process, "1:1", "\xff\"}\n\x1b[2J\\", 1, {1, 1, 1}, 1)};
    EXPECT_EQ(report(snapshot)["consumers"][0]["exe"], "\xEF\xBF\xBD\"}\n\x1b[2J\\");
}

TEST(JsonReport, ARegularExpressionGoesBeforeTheBiggest) {
    JsonOptions options;
    EXPECT_EQ(consumers_of(options).top, 10U);
    options.container_regex = Pattern::parse("a").value();
    EXPECT_EQ(consumers_of(options).top, std::nullopt);
    EXPECT_TRUE(consumers_of(options).container);
    options.process_regex = Pattern::parse("b").value();
    EXPECT_TRUE(consumers_of(options).process);
    EXPECT_FALSE(consumers_of(options).container);
}

} // namespace
} // namespace wattvisor
