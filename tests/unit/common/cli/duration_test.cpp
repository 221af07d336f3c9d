// SPDX-License-Identifier: Apache-2.0
#include "common/cli/duration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, TakesEachUnit) {
    EXPECT_EQ(parse_duration("7ns").value(), 7ns);
    EXPECT_EQ(parse_duration("7us").value(), 7us);
    EXPECT_EQ(parse_duration("500ms").value(), 500ms);
    EXPECT_EQ(parse_duration("1s").value(), 1s);
    EXPECT_EQ(parse_duration("2m").value(), 2min);
    EXPECT_EQ(parse_duration("2min").value(), 2min);
    EXPECT_EQ(parse_duration("3h").value(), 3h);
    EXPECT_EQ(parse_duration(" 2s\n").value(), 2s);
    EXPECT_EQ(parse_duration("0").value(), 0s);
}

TEST(ParseDuration, TakesABareNumberAsSeconds) {
    EXPECT_EQ(parse_duration("10").value(), 10s);
    EXPECT_EQ(parse_duration("0.5").value(), 500ms);
}

TEST(ParseDuration, KeepsFractionsExact) {
    EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
    EXPECT_EQ(parse_duration("0.000000001s").value(), 1ns);
    EXPECT_EQ(parse_duration("1.5h").value(), 90min);
    EXPECT_EQ(parse_duration("0.1m").value(), 6s);
    EXPECT_EQ(parse_duration("1.23456789s").value(), 1234567890ns);
    EXPECT_EQ(parse_duration("1.00000000099s").value(), 1s);
}

TEST(ParseDuration, RefusesEverythingElse) {
    for (const char* text : {"", "s", "-1s", "+1s", "1 s x", "1d", "1.s", ".5s", "1..5s", "1,5s",
                             "0x10", "1e3", "1sms", "99999999999999999999s", "1000000h"}) {
        EXPECT_FALSE(parse_duration(text).has_value()) << text;
    }
}

TEST(ParseDuration, SaysWhatToType) {
    EXPECT_THAT(parse_duration("1d").error().message(),
                testing::AllOf(testing::HasSubstr("\"1d\""), testing::HasSubstr("500ms")));
}

TEST(FormatDuration, IsReadBackAsTheSame) {
    EXPECT_EQ(format_duration(2s), "2s");
    EXPECT_EQ(format_duration(90s), "90s");
    EXPECT_EQ(format_duration(120s), "2m");
    EXPECT_EQ(format_duration(500ms), "500ms");
    EXPECT_EQ(format_duration(0s), "0s");
    for (const auto duration : {1ns, 1500ns, std::chrono::nanoseconds(1h), 86399999999999ns}) {
        EXPECT_EQ(parse_duration(format_duration(duration)).value(), duration);
    }
}

} // namespace
} // namespace wattvisor
