// SPDX-License-Identifier: Apache-2.0
#include "common/export/metric_sink.hpp"
#include "families.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

namespace wattvisor {
namespace {

using test::Family;
using test::FamilyCollector;
using test::write_family;

TEST(MetricValue, KeepsMicrojoulesExactly) {
    EXPECT_EQ(MetricValue::joules(0).text(), "0.000000");
    EXPECT_EQ(MetricValue::joules(1).text(), "0.000001");
    EXPECT_EQ(MetricValue::joules(1'000'000).text(), "1.000000");
    EXPECT_EQ(MetricValue::joules(12'345'678).text(), "12.345678");
    EXPECT_EQ(MetricValue::joules(std::numeric_limits<std::uint64_t>::max()).text(),
              "18446744073709.551615");
}

// A reader that takes a double and rounds gets the microjoule back, for 70 years at 1 kW.
TEST(MetricValue, GivesTheMicrojouleBackThroughADouble) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t uj = random() >> 13U; // below 2^51
        const double joules = std::strtod(MetricValue::joules(uj).text().c_str(), nullptr);
        ASSERT_EQ(static_cast<std::uint64_t>(std::llround(joules * 1e6)), uj);
    }
}

TEST(MetricValue, WritesIntegersAndDecimals) {
    EXPECT_EQ(MetricValue::integer(9'007'199'254'740'993).text(), "9007199254740993");
    EXPECT_EQ(MetricValue::decimal(1'750'000'002'250, 3).text(), "1750000002.250");
    EXPECT_EQ(MetricValue::decimal(10, 2).text(), "0.10");
    EXPECT_EQ(MetricValue::flag(true).text(), "1");
}

TEST(MetricValue, WritesDoublesInTheShortestFormThatReadsBack) {
    EXPECT_EQ(MetricValue::real(0.1).text(), "0.1");
    EXPECT_EQ(MetricValue::real(1).text(), "1");
    EXPECT_EQ(MetricValue::real(std::nan("")).text(), "NaN");
    EXPECT_EQ(MetricValue::real(std::numeric_limits<double>::infinity()).text(), "+Inf");
    EXPECT_EQ(MetricValue::real(-std::numeric_limits<double>::infinity()).text(), "-Inf");
}

TEST(MetricValue, TellsIntegersFromOtherNumbers) {
    EXPECT_TRUE(MetricValue::integer(3).is_integer());
    EXPECT_FALSE(MetricValue::joules(3).is_integer());
    EXPECT_FALSE(MetricValue::real(3).is_integer());
    EXPECT_EQ(MetricValue::integer(3).as_integer(), 3U);
    EXPECT_DOUBLE_EQ(MetricValue::joules(1'500'000).as_double(), 1.5);
    EXPECT_DOUBLE_EQ(MetricValue::real(2.5).as_double(), 2.5);
}

TEST(FamilyCollector, KeepsWhatWasWrittenAndNoEmptyFamily) {
    FamilyCollector collector;
    collector.family("empty", "Nothing", MetricType::gauge);
    collector.family("full", "Something", MetricType::counter);
    {
        const std::string passing = "value";
        const Label label{"name", passing};
        collector.sample({&label, 1}, MetricValue::integer(7));
    }
    collector.single("one", "One", MetricType::gauge, MetricValue::real(0.5));

    const std::vector<Family> families = collector.take();
    ASSERT_EQ(families.size(), 2U);
    EXPECT_EQ(families[0].name, "full");
    EXPECT_EQ(families[0].type, MetricType::counter);
    ASSERT_EQ(families[0].samples.size(), 1U);
    EXPECT_EQ(families[0].samples[0].labels[0],
              (std::pair<std::string, std::string>{"name", "value"}));
    EXPECT_EQ(families[1].samples[0].value.text(), "0.5");
    EXPECT_TRUE(collector.take().empty());
}

TEST(WriteFamily, WritesTheSameAgain) {
    const Family family{
        "f", "Help", MetricType::gauge, {{{{"a", "1"}, {"b", "2"}}, MetricValue::integer(5)}}};
    FamilyCollector collector;
    write_family(family, collector);
    const std::vector<Family> copies = collector.take();
    ASSERT_EQ(copies.size(), 1U);
    EXPECT_EQ(copies[0].samples[0].labels, family.samples[0].labels);
    EXPECT_EQ(copies[0].samples[0].value.text(), "5");
}

} // namespace
} // namespace wattvisor
