// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/simulated_host.hpp"
#include "tests/simulated-host/truth_record.hpp"
#include "tests/support/fake_tree.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <array>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;

ZoneBank two_zones() {
    PowerSpec power;
    power.package = {7, 0, 8, 0};
    power.core = ZoneSpec{5, 0, 100, 0};
    ZoneBank bank(HostSpec(), power);
    bank.charge(2'000'000'000, std::array<std::uint64_t, 1>{0});
    return bank;
}

constexpr const char* kLine =
    R"({"update":7,"begin_ns":100,"end_ns":110,"zones":[)"
    R"({"folder":"intel-rapl:0","name":"package-0","total_uj":14,"energy_uj":5,"wraps":1},)"
    R"({"folder":"intel-rapl:0:0","name":"core","total_uj":10,"energy_uj":10,"wraps":0}]})"
    "\n";

TEST(TruthRecord, IsOneJsonObjectPerLine) {
    EXPECT_EQ(truth_line({7, 100ns, 110ns}, two_zones().zones()), kLine);
}

TEST(TruthRecord, TellsAllOfAScenario) {
    Scenario scenario;
    VmSpec vm;
    vm.name = "a \"b\" \\ \t";
    vm.load = steady(kWhole / 3);
    scenario.vms = {vm};
    SimulatedHost host(scenario);
    host.advance(1s);
    const std::string line = truth_line({1, 0ns, 0ns}, host.truth());
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["now_ns"], 1'000'000'000);
    EXPECT_EQ(json["vms"][0]["name"], vm.name);
    EXPECT_EQ(json["vms"][0]["components"]["vcpu"][0], json["vms"][0]["cpu_ns"][0]);
    EXPECT_EQ(json["processes"].size(), 2U); // init and QEMU
    EXPECT_EQ(json["processes"][1]["vm"], json["vms"][0]["uuid"]);
    EXPECT_NEAR(json["vms"][0]["energy_uj"][0].get<double>(), 23.333e6, 1e3);
}

TEST(TruthRecord, BeginsAnewAndAppends) {
    const test::FakeTree tree;
    const auto path = tree.file("truth", "of an earlier run\n");
    auto record = TruthRecord::create(path);
    ASSERT_TRUE(record);
    ASSERT_TRUE(record->add(kLine));
    ASSERT_TRUE(record->add(kLine));
    EXPECT_EQ(tree.read("truth"), std::string(kLine) + kLine);
}

TEST(TruthRecord, WithoutAFileKeepsNothing) {
    TruthRecord none;
    EXPECT_FALSE(none.is_kept());
    EXPECT_TRUE(none.add(kLine));
}

} // namespace
} // namespace wattvisor::simulated
