// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/options.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;

OptionsReading read(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "wattvisor-simulated-host");
    return read_options(static_cast<int>(arguments.size()), arguments.data());
}

TEST(SimulatedHostOptions, HasDefaults) {
    const auto reading = read({"--root", "/tmp/x"});
    ASSERT_FALSE(reading.exit_code);
    EXPECT_EQ(reading.options.root, "/tmp/x");
    EXPECT_EQ(reading.options.step, 50ms);
    EXPECT_EQ(reading.options.duration, 0s);
    EXPECT_EQ(reading.options.power.package.range_uj, 262'143'328'850U);
    EXPECT_FALSE(reading.options.power.psys);
    EXPECT_TRUE(reading.options.scenario.empty());
}

TEST(SimulatedHostOptions, ReadsAll) {
    const auto reading =
        read({"--root",          "/x",   "--sockets",  "2",        "--idle-watts", "7.5",
              "--watts-per-cpu", "3",    "--subzones", "dram=0.5", "--psys",       "0",
              "--range",         "1000", "--start",    "999",      "--step",       "10ms",
              "--duration",      "2m",   "--truth",    "/t",       "--cleanup"});
    ASSERT_FALSE(reading.exit_code);
    EXPECT_EQ(reading.options.sockets, 2U);
    EXPECT_EQ(reading.options.power.package.idle_uw, 7'500'000U);
    EXPECT_EQ(reading.options.power.package.start_uj, 999U);
    EXPECT_EQ(reading.options.power.psys->idle_uw, 0U);
    EXPECT_EQ(reading.options.power.dram->idle_uw, 3'750'000U);
    EXPECT_EQ(reading.options.power.dram->per_cpu_uw, 1'500'000U);
    EXPECT_EQ(reading.options.duration, 2min);
    EXPECT_TRUE(reading.options.cleanup);
}

TEST(SimulatedHostOptions, RefusesMistakesWithTheConfigurationCode) {
    const std::vector<std::vector<const char*>> mistakes{
        {},
        {"--root", "/x", "--sockets", "0"},
        {"--root", "/x", "--step", "1us"},
        {"--root", "/x", "--range", "10", "--start", "11"},
        {"--root", "/x", "--subzones", "gpu=1"},
        {"--root", "/x", "--idle-watts", "-3"},
        {"--root", "/x", "--fast"},
        {"--root", "/x", "--scenario", "a.yaml", "--sockets", "2"}};
    for (const auto& arguments : mistakes) {
        EXPECT_EQ(read(arguments).exit_code, kExitConfiguration);
    }
    EXPECT_EQ(read({"--help"}).exit_code, kExitOk);
}

TEST(SimulatedHostOptions, TakesAScenario) {
    const auto reading = read({"--root", "/x", "--scenario", "a.yaml", "--fast"});
    ASSERT_FALSE(reading.exit_code);
    EXPECT_EQ(reading.options.scenario, "a.yaml");
    EXPECT_TRUE(reading.options.fast);
    EXPECT_FALSE(read({"--scenario", "a.yaml", "--check"}).exit_code);
}

TEST(ParseSubzones, ReadsNamesAndParts) {
    PowerSpec power;
    ASSERT_TRUE(parse_subzones("core=0.6,uncore=0.1,dram=1", power));
    EXPECT_EQ(power.core->idle_uw, 12'000'000U);
    EXPECT_EQ(power.uncore->per_cpu_uw, 1'000'000U);
    EXPECT_EQ(power.dram->idle_uw, 20'000'000U);
    EXPECT_TRUE(parse_subzones("", power));
}

TEST(ParseSubzones, SaysWhatIsWrong) {
    for (const char* text : {"core", "core=", "core=2", "core=-0.1", "core=nan", "gpu=0.5", ",",
                             "core=0.5,", "core=0.5x"}) {
        PowerSpec power;
        auto parsed = parse_subzones(text, power);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.error().message(), ::testing::HasSubstr("core=0.6,dram=0.15"));
    }
}

TEST(ToMicrowatts, RefusesNonsense) {
    EXPECT_EQ(*to_microwatts(12.5), 12'500'000U);
    EXPECT_FALSE(to_microwatts(-1));
    EXPECT_FALSE(to_microwatts(1e9));
}

} // namespace
} // namespace wattvisor::simulated
