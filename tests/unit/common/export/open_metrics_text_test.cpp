// SPDX-License-Identifier: Apache-2.0
// Against the specification's text; tests/e2e has Prometheus itself read such a page.
#include "common/export/metric_page.hpp"
#include "common/export/open_metrics_text.hpp"
#include "sample_snapshot.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

namespace wattvisor {
namespace {

std::string page_of(std::string_view name, MetricType type, const MetricValue& value,
                    std::string_view help = "Some text") {
    std::string out;
    OpenMetricsText sink(out);
    sink.single(name, help, type, value);
    sink.finish();
    return out;
}

TEST(OpenMetricsText, NamesACountersFamilyWithoutTotal) {
    EXPECT_EQ(page_of("x_joules_total", MetricType::counter, MetricValue::joules(1'500'000)),
              "# HELP x_joules Some text\n# TYPE x_joules counter\n# UNIT x_joules joules\n"
              "x_joules_total 1.500000\n# EOF\n");
}

// Scaphandre's counters are kept to the letter; as counters Prometheus would refuse the page.
TEST(OpenMetricsText, GivesACounterWithoutTotalNoType) {
    EXPECT_EQ(
        page_of("scaph_host_energy_microjoules", MetricType::counter, MetricValue::integer(7)),
        "# HELP scaph_host_energy_microjoules Some text\n"
        "# TYPE scaph_host_energy_microjoules unknown\n"
        "# UNIT scaph_host_energy_microjoules microjoules\n"
        "scaph_host_energy_microjoules 7\n# EOF\n");
}

TEST(OpenMetricsText, TellsNoUnitThatTheNameDoesNotEndWith) {
    const std::string out = page_of("scaph_self_nb", MetricType::gauge, MetricValue::integer(1));
    EXPECT_EQ(out.find("UNIT"), std::string::npos);
    // A name that is nothing but a unit has no unit.
    EXPECT_EQ(page_of("_joules", MetricType::gauge, MetricValue::integer(1)).find("UNIT"),
              std::string::npos);
}

TEST(OpenMetricsText, EscapesQuotesInHelpToo) {
    EXPECT_NE(page_of("x", MetricType::gauge, MetricValue::integer(1), "a \"b\" \\ c\nd")
                  .find("# HELP x a \\\"b\\\" \\\\ c\\nd\n"),
              std::string::npos);
}

TEST(OpenMetricsText, EndsAnEmptyPage) {
    std::string out;
    OpenMetricsText sink(out);
    sink.family("x", "never written", MetricType::gauge);
    sink.finish();
    EXPECT_EQ(out, "# EOF\n");
}

// Without `_total` a counter's family could bear the name of another family, which ends the scrape.
TEST(OpenMetricsText, HasEachFamilyOnceAndNoEmptyLine) {
    for (const Snapshot& snapshot : {test::host_snapshot(), test::guest_snapshot()}) {
        std::string out;
        OpenMetricsText sink(out);
        write_metrics(snapshot, {}, SelfStats{}, sink);
        sink.finish();
        std::set<std::string> families;
        std::istringstream lines(out);
        std::string line;
        while (std::getline(lines, line)) {
            EXPECT_FALSE(line.empty());
            if (line.starts_with("# TYPE ")) {
                EXPECT_TRUE(families.insert(line.substr(7, line.find(' ', 7) - 7)).second) << line;
            }
        }
        EXPECT_GT(families.size(), 10U);
        EXPECT_TRUE(out.ends_with("\n# EOF\n"));
    }
}

} // namespace
} // namespace wattvisor
