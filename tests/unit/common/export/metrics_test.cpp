// SPDX-License-Identifier: Apache-2.0
// What holds for all metrics together.
#include "common/export/metrics.hpp"
#include "families.hpp"
#include "sample_snapshot.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace wattvisor {
namespace {

using test::build_families;
using test::Family;
using test::MetricSample;

SelfStats self_stats() {
    return SelfStats{SelfMemory{1000, 200, 100}, 0.25};
}

std::vector<Snapshot> snapshots() {
    std::vector<Snapshot> all{Snapshot{}, test::empty_snapshot(), test::host_snapshot(),
                              test::guest_snapshot(), test::host_snapshot()};
    test::take_source_down(all.back(), "gone");
    return all;
}

TEST(Metrics, AreGroupedAndNoSeriesAppearsTwice) {
    for (const Snapshot& snapshot : snapshots()) {
        std::set<std::string> names;
        for (const Family& family : build_families(snapshot, {}, self_stats())) {
            EXPECT_TRUE(names.insert(family.name).second) << family.name;
            EXPECT_FALSE(family.help.empty()) << family.name;
            std::set<std::vector<std::pair<std::string, std::string>>> series;
            for (const MetricSample& sample : family.samples) {
                EXPECT_TRUE(series.insert(sample.labels).second) << family.name;
            }
        }
    }
}

TEST(Metrics, HaveTheSameLabelsInTheSameOrderOnEverySeries) {
    for (const Family& family : build_families(test::guest_snapshot(), {}, self_stats())) {
        for (const MetricSample& sample : family.samples) {
            ASSERT_EQ(sample.labels.size(), family.samples[0].labels.size());
            for (std::size_t i = 0; i < sample.labels.size(); ++i) {
                EXPECT_EQ(sample.labels[i].first, family.samples[0].labels[i].first);
            }
        }
    }
}

// A stopped host agent looked like 0 W in the guest (Scaphandre): show nothing instead.
TEST(Metrics, HoldNoPowerWhileTheSourceIsDownButKeepTheCounters) {
    Snapshot snapshot = test::host_snapshot();
    const auto up = build_families(snapshot, {}, self_stats());
    test::take_source_down(snapshot, "the share stands still");
    const auto down = build_families(snapshot, {}, self_stats());

    std::map<std::string, std::string> still_there;
    for (const Family& family : down) {
        EXPECT_EQ(family.name.find("power"), std::string::npos) << family.name;
        still_there[family.name] = family.samples[0].value.text();
    }
    for (const Family& family : up) {
        if (family.type == MetricType::counter) {
            EXPECT_EQ(still_there[family.name], family.samples[0].value.text()) << family.name;
        }
    }
}

TEST(Metrics, OfASnapshotWithoutAnyMeasurementHoldNoEnergy) {
    for (const Family& family : build_families(Snapshot{}, {}, {})) {
        EXPECT_EQ(family.name.find("energy"), std::string::npos) << family.name;
        EXPECT_EQ(family.name.find("power"), std::string::npos) << family.name;
    }
}

// A 4,478-character command line broke other people's limits (Scaphandre #416).
TEST(Metrics, LimitTheCommandLine) {
    Snapshot snapshot = test::guest_snapshot();
    Consumer who = *snapshot.consumers[0].consumer;
    who.cmdline = "a" + std::string(100'000, '\xC3');
    for (std::size_t i = 2; i < who.cmdline.size(); i += 2) {
        who.cmdline[i] = '\xBC'; // a row of "ü", shifted by one byte
    }
    who.exe = std::string(100'000, 'x');
    snapshot.consumers[0].consumer = std::make_shared<const Consumer>(who);
    for (const Family& family : build_families(snapshot, {}, {})) {
        for (const MetricSample& sample : family.samples) {
            for (const auto& [name, value] : sample.labels) {
                EXPECT_LE(value.size(), 4096U) << family.name << ' ' << name;
            }
        }
    }
}

TEST(Metrics, LeaveTheCommandLineOutWhereAsked) {
    MetricOptions options;
    options.cmdline_limit = 0;
    for (const Family& family : build_families(test::guest_snapshot(), options, {})) {
        for (const MetricSample& sample : family.samples) {
            for (const auto& [name, value] : sample.labels) {
                EXPECT_NE(name, "cmdline") << family.name;
            }
        }
    }
}

} // namespace
} // namespace wattvisor
