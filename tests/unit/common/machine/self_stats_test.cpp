// SPDX-License-Identifier: Apache-2.0
#include "common/machine/self_stats.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;

TEST(ParseStatm, TakesTheFirstThreeNumbers) {
    const auto memory = parse_statm("5012 812 640 1 0 200 0\n");
    ASSERT_TRUE(memory.has_value());
    EXPECT_EQ(memory->total, 5012U);
    EXPECT_EQ(memory->resident, 812U);
    EXPECT_EQ(memory->shared, 640U);
}

TEST(ParseStatm, RefusesWhatIsNone) {
    EXPECT_FALSE(parse_statm("").has_value());
    EXPECT_FALSE(parse_statm("1 2").has_value());
    EXPECT_FALSE(parse_statm("1  2 3").has_value());
    EXPECT_FALSE(parse_statm("a b c").has_value());
}

void burn(std::chrono::nanoseconds cpu_time) {
    const std::clock_t end =
        std::clock() +
        static_cast<std::clock_t>(std::chrono::duration<double>(cpu_time).count() * CLOCKS_PER_SEC);
    while (std::clock() < end) {
    }
}

TEST(SelfStatsReader, KnowsCpuUseFromTheSecondReadingOn) {
    SelfStatsReader reader;
    const SelfStats first = reader.read(0ns);
    EXPECT_FALSE(first.cpu_percent.has_value());
    ASSERT_TRUE(first.memory.has_value());
    EXPECT_GT(first.memory->resident, 0U);
    EXPECT_GE(first.memory->total, first.memory->resident);
    burn(20ms);
    const SelfStats second = reader.read(1s); // as if a second had passed
    ASSERT_TRUE(second.cpu_percent.has_value());
    EXPECT_GT(*second.cpu_percent, 0.0);
    EXPECT_LT(*second.cpu_percent, 100.0);
    EXPECT_FALSE(reader.read(1s).cpu_percent.has_value()) << "no time passed";
}

} // namespace
} // namespace wattvisor
