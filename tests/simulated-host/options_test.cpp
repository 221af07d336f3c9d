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
    EXPECT_EQ(reading.options.host.range_uj, 262'143'328'850U);
    EXPECT_FALSE(reading.options.host.psys_uw);
}

TEST(SimulatedHostOptions, ReadsAll) {
    const auto reading =
        read({"--root",          "/x",   "--sockets",  "2",        "--idle-watts", "7.5",
              "--watts-per-cpu", "3",    "--subzones", "dram=0.5", "--psys",       "0",
              "--range",         "1000", "--start",    "999",      "--step",       "10ms",
              "--duration",      "2m",   "--truth",    "/t",       "--cleanup"});
    ASSERT_FALSE(reading.exit_code);
    EXPECT_EQ(reading.options.host.idle_uw, 7'500'000U);
    EXPECT_EQ(reading.options.host.psys_uw, 0U);
    EXPECT_EQ(reading.options.host.subzones.size(), 1U);
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
        {"--root", "/x", "--idle-watts", "-3"}};
    for (const auto& arguments : mistakes) {
        EXPECT_EQ(read(arguments).exit_code, kExitConfiguration);
    }
    EXPECT_EQ(read({"--help"}).exit_code, kExitOk);
}

} // namespace
} // namespace wattvisor::simulated
