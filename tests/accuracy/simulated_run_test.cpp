// SPDX-License-Identifier: Apache-2.0
// The pipeline of the host agent against known truth: each kind of load for a virtual minute, at a
// tick a second and at ten. The table of docs/accuracy.md is made of the same rows.
#include "tests/accuracy/simulated_run.hpp"
#include "tests/simulated-host/scenario_reader.hpp"
#include "tests/support/fake_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <tuple>

namespace wattvisor::accuracy {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// On tmpfs where there is one.
class OnTmpfs {
public:
    OnTmpfs() {
        if (fs::is_directory("/dev/shm")) {
            ::setenv("TMPDIR", "/dev/shm", 0);
        }
    }
};

class SimulatedRun
    : public testing::TestWithParam<std::tuple<const char*, std::chrono::milliseconds>> {
protected:
    OnTmpfs on_tmpfs_;
    test::FakeTree files_;
};

TEST_P(SimulatedRun, ChargesEachVmWithinAPercentAndLosesNothing) {
    const auto& [load, interval] = GetParam();
    const Row row = measure(
        {load,
         simulated::load_scenario(fs::path(WATTVISOR_SCENARIOS) / (std::string(load) + ".yaml")),
         interval, 1min},
        files_.root() / "host");
    EXPECT_TRUE(holds(row, kBound)) << text_table({row}) << json_rows({row});
    EXPECT_EQ(row.sum_error_uj, 0U);
}

INSTANTIATE_TEST_SUITE_P(Loads, SimulatedRun,
                         testing::Combine(testing::Values("steady", "bursty", "many-threads",
                                                          "thread-churn", "noisy-neighbour",
                                                          "two-socket"),
                                          testing::Values(1000ms, 100ms)),
                         [](const auto& plan) {
                             std::string name = std::string(std::get<0>(plan.param)) + "_every_" +
                                                std::to_string(std::get<1>(plan.param).count()) +
                                                "_ms";
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

// A row that could not fail would prove nothing.
TEST(Row, HoldsOnlyWithoutAnError) {
    Row row{"steady", "files", 1s, 1min, {{"a", 100.9, 100, 0.009}, {"b", 5, 5, 0}}, 0, 0};
    EXPECT_TRUE(holds(row, kBound));
    row.vms[0].charged = 101.1;
    EXPECT_FALSE(holds(row, kBound));
    EXPECT_EQ(row.worst().name, "a");
    row.vms[0].charged = 98.9;
    EXPECT_FALSE(holds(row, kBound));
    row.vms[0] = {"a", 100, 100, 0.02};
    EXPECT_FALSE(holds(row, kBound));
    row.vms[0] = {"a", 0.001, 0, 0};
    EXPECT_FALSE(holds(row, kBound));
    row.vms[0] = {"a", 100, 100, 0};
    row.sum_error_uj = 1;
    EXPECT_FALSE(holds(row, kBound));
    row.vms.clear();
    row.sum_error_uj = 0;
    EXPECT_FALSE(holds(row, kBound));
}

} // namespace
} // namespace wattvisor::accuracy
