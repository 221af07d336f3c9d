// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/truth_record.hpp"
#include "tests/support/fake_tree.hpp"

#include <gtest/gtest.h>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;

const std::vector<SimulatedZone> two_zones{{"intel-rapl:0", "package-0", 12, {3, 1}},
                                           {"intel-rapl:0:0", "core", 5, {5, 0}}};
constexpr const char* kLine =
    R"({"update":7,"begin_ns":100,"end_ns":110,"zones":[)"
    R"({"folder":"intel-rapl:0","name":"package-0","total_uj":12,"energy_uj":3,"wraps":1},)"
    R"({"folder":"intel-rapl:0:0","name":"core","total_uj":5,"energy_uj":5,"wraps":0}]})"
    "\n";

TEST(TruthRecord, IsOneJsonObjectPerLine) {
    EXPECT_EQ(truth_line({7, 100ns, 110ns}, two_zones), kLine);
}

TEST(TruthRecord, BeginsAnewAndAppends) {
    const test::FakeTree tree;
    const auto path = tree.file("truth", "of an earlier run\n");
    auto record = TruthRecord::create(path);
    ASSERT_TRUE(record);
    ASSERT_TRUE(record->add({7, 100ns, 110ns}, two_zones));
    ASSERT_TRUE(record->add({7, 100ns, 110ns}, two_zones));
    EXPECT_EQ(tree.read("truth"), std::string(kLine) + kLine);
}

TEST(TruthRecord, WithoutAFileKeepsNothing) {
    EXPECT_TRUE(TruthRecord().add({1, 0ns, 0ns}, two_zones));
}

} // namespace
} // namespace wattvisor::simulated
