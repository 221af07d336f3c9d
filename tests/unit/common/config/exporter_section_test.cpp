// SPDX-License-Identifier: Apache-2.0
#include "common/config/exporter_section.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct Reading {
    explicit Reading(const std::string& list, const ExporterDefaults& defaults = {}) {
        YamlDocument document("exporters:\n" + list, "x.yaml");
        YamlSection root = document.root();
        plans = read_exporters(root, defaults);
        for (const ConfigProblem& problem : document.finish()) {
            problems.push_back(problem.message());
        }
    }
    std::vector<ExporterPlan> plans;
    std::vector<std::string> problems;
};

TEST(ExporterSection, ReadsEveryKeyOfStdout) {
    const Reading reading("  - { type: stdout, timeout: 1m, step: 5s, processes: 7, regex: nginx,\n"
                          "      qemu: true, containers: true, raw_metrics: true }\n");
    ASSERT_THAT(reading.problems, ElementsAre());
    const auto& options = std::get<StdoutOptions>(reading.plans.at(0).exporter);
    EXPECT_EQ(options.timeout, 1min);
    EXPECT_EQ(options.step, 5s);
    EXPECT_EQ(options.processes, 7U);
    EXPECT_EQ(options.regex.value().text(), "nginx");
    EXPECT_TRUE(options.qemu && options.containers && options.raw_metrics);
    EXPECT_FALSE(options.with_header);
}

TEST(ExporterSection, ReadsEveryKeyOfJson) {
    const Reading reading("  - { type: json, timeout: 0, interval: 30s, file: /r.json,\n"
                          "      max_top_consumers: 3, process_regex: a, container_regex: b,\n"
                          "      containers: true, resources: true, qemu: true,\n"
                          "      filter: { process: p, container: c, vms_only: true, top: 4 } }\n");
    ASSERT_THAT(reading.problems, ElementsAre());
    const ExporterPlan& plan = reading.plans.at(0);
    const auto& options = std::get<JsonOptions>(plan.exporter);
    EXPECT_EQ(options.timeout, std::nullopt);
    EXPECT_EQ(plan.interval, 30s);
    EXPECT_EQ(options.file, "/r.json");
    EXPECT_EQ(options.max_top_consumers, 3U);
    EXPECT_EQ(options.process_regex.value().text(), "a");
    EXPECT_EQ(options.container_regex.value().text(), "b");
    EXPECT_TRUE(options.containers && options.resources);
    EXPECT_EQ(plan.filter.process.value().text(), "p");
    EXPECT_EQ(plan.filter.container.value().text(), "c");
    EXPECT_TRUE(plan.filter.vms_only);
    EXPECT_EQ(plan.filter.top, 4U);
}

TEST(ExporterSection, GoesOnForEverUnlessToldOtherwise) {
    const Reading reading("  - type: stdout\n");
    EXPECT_EQ(std::get<StdoutOptions>(reading.plans.at(0).exporter).timeout, std::nullopt);
    EXPECT_EQ(reading.plans.at(0).filter, ConsumerFilter());
}

TEST(ExporterSection, FindsWhatTwoExportersCannotShare) {
    EXPECT_THAT(Reading("  - type: stdout\n  - type: json\n").problems,
                ElementsAre("x.yaml:3:11: standard output is taken by an exporter above"));
    EXPECT_THAT(Reading("  - { type: json, file: /a }\n  - { type: json, file: /./a }\n").problems,
                ElementsAre("x.yaml:3:25: the file /a is taken by an exporter above"));
    EXPECT_THAT(
        Reading("  - { type: prometheus, port: 9 }\n  - { type: prometheus, port: 9 }\n").problems,
        ElementsAre("x.yaml:3:31: port 9 of :: is taken by an exporter above"));
    EXPECT_THAT(Reading("  - type: stdout\n  - { type: json, file: /a }\n").problems,
                ElementsAre());
}

TEST(ExporterSection, FindsMistakesInTheirPlaces) {
    EXPECT_THAT(
        Reading("  - { type: stdout, regex: \"(\" }\n").problems,
        ElementsAre(testing::AllOf(HasSubstr("x.yaml:2:28: regex"), HasSubstr("missing )"))));
    EXPECT_THAT(Reading("  - { type: json, filter: { process: \"[\" } }\n").problems,
                ElementsAre(HasSubstr("x.yaml:2:38: process")));
    EXPECT_THAT(Reading("  - { type: json, container_regex: a }\n").problems,
                ElementsAre(HasSubstr("needs containers: true")));
    EXPECT_THAT(Reading("  - { type: stdout, step: 2s, interval: 2s }\n").problems,
                ElementsAre(HasSubstr("keep one of them")));
    EXPECT_THAT(Reading("  - { type: json, file: report.json }\n").problems,
                ElementsAre(HasSubstr("begins with /")));
    EXPECT_THAT(Reading("  - { type: prometheus, interval: 1s }\n", {false, 2s}).problems,
                ElementsAre(HasSubstr("interval must be from 2s to 1h")));
    EXPECT_THAT(Reading("  - { type: prometheus, filtr: {} }\n").problems,
                ElementsAre(HasSubstr("did you mean \"filter\"?")));
}

} // namespace
} // namespace wattvisor
