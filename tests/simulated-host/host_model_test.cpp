// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/host_model.hpp"

#include <gmock/gmock.h>

#include <array>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

HostSettings two_sockets() {
    HostSettings settings;
    settings.sockets = 2;
    settings.subzones = {{"core", 600'000}, {"dram", 150'000}};
    settings.psys_uw = 5'000'000;
    return settings;
}

TEST(HostModel, NamesZonesAsTheKernelDoes) {
    std::string all;
    const HostModel model(two_sockets());
    for (const SimulatedZone& zone : model.zones()) {
        all += zone.folder + "=" + zone.name + " ";
    }
    EXPECT_EQ(all, "intel-rapl:0=package-0 intel-rapl:0:0=core intel-rapl:0:1=dram "
                   "intel-rapl:1=package-1 intel-rapl:1:0=core intel-rapl:1:1=dram "
                   "intel-rapl:2=psys ");
}

TEST(HostModel, ChargesIdleAndBusyPowerToTheSocketsWhereTheyAre) {
    HostModel model(two_sockets());
    constexpr std::array kBusy{std::chrono::nanoseconds(500ms), std::chrono::nanoseconds(0)};
    model.step(1s, kBusy);
    const auto& zones = model.zones();
    EXPECT_EQ(zones[0].total_uj, 25'000'000U); // 20 W idle and half of 10 W
    EXPECT_EQ(zones[1].total_uj, 15'000'000U);
    EXPECT_EQ(zones[2].total_uj, 3'750'000U);
    EXPECT_EQ(zones[3].total_uj, 20'000'000U);
    // Packages, both drams, the platform; core is inside its package.
    EXPECT_EQ(zones[6].total_uj, 25'000'000U + 20'000'000U + 3'750'000U + 3'000'000U + 5'000'000U);
}

TEST(HostModel, TotalsGoOnWhereCountersWrap) {
    HostSettings settings;
    settings.range_uj = 15'000'000;
    settings.start_uj = 14'999'999;
    HostModel model(settings);
    EXPECT_EQ(model.zones()[0].counter, (CounterReading{14'999'999, 0}));
    model.step(1s, {});
    EXPECT_EQ(model.zones()[0].total_uj, 20'000'000U);
    EXPECT_EQ(model.zones()[0].counter, (CounterReading{4'999'997, 2}));
}

TEST(ParseSubzones, ReadsNamesAndFractions) {
    const auto subzones = parse_subzones("core=0.6,uncore=0.1,dram=1");
    ASSERT_TRUE(subzones);
    EXPECT_EQ(*subzones,
              (std::vector<Subzone>{{"core", 600'000}, {"uncore", 100'000}, {"dram", 1'000'000}}));
    EXPECT_TRUE(parse_subzones("")->empty());
}

TEST(ParseSubzones, SaysWhatIsWrong) {
    for (const char* text : {"core", "core=", "core=2", "core=-0.1", "core=nan", "gpu=0.5", ",",
                             "core=0.5,", "core=0.5x"}) {
        const auto subzones = parse_subzones(text);
        ASSERT_FALSE(subzones) << text;
        EXPECT_THAT(subzones.error().message(), HasSubstr("core=0.6,dram=0.15"));
    }
}

TEST(ToMicrowatts, RefusesNonsense) {
    EXPECT_EQ(*to_microwatts(12.5), 12'500'000U);
    EXPECT_FALSE(to_microwatts(-1));
    EXPECT_FALSE(to_microwatts(1e9));
}

} // namespace
} // namespace wattvisor::simulated
