// SPDX-License-Identifier: Apache-2.0
#include "common/usage/cpu_topology.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using test::FakeTree;
using testing::ElementsAre;
using namespace std::chrono_literals;

TEST(ParseCpuList, ReadsRangesAndSingleCpus) {
    EXPECT_THAT(parse_cpu_list("0-3,8,10-11\n").value(), ElementsAre(0, 1, 2, 3, 8, 10, 11));
    EXPECT_THAT(parse_cpu_list("0").value(), ElementsAre(0));
}

TEST(ParseCpuList, RefusesWhatIsNoList) {
    for (const char* text : {"a", "3-1", "0-", "-1", "0,", ",", "0-99999999999", "0 1"}) {
        EXPECT_FALSE(parse_cpu_list(text)) << text;
    }
}

TEST(CpuTopology, KnowsSocketsWhosePackageIdsHaveGaps) {
    FakeTree tree;
    tree.file("devices/system/cpu/online", "0-2,4\n");
    tree.file("devices/system/cpu/cpu0/topology/physical_package_id", "0\n");
    tree.file("devices/system/cpu/cpu1/topology/physical_package_id", "3\n");
    tree.file("devices/system/cpu/cpu2/topology/physical_package_id", "0\n");
    tree.file("devices/system/cpu/cpu4/topology/physical_package_id", "3\n");
    const auto topology = read_topology(tree.root());
    ASSERT_TRUE(topology) << topology.error().message();
    EXPECT_THAT(topology->packages, ElementsAre(0, 3));
    EXPECT_THAT(topology->cpus, ElementsAre(2, 2));
    EXPECT_THAT(topology->socket_of_cpu, ElementsAre(0, 1, 0, 2, 1)) << "CPU 3 is offline";
    EXPECT_EQ(topology->socket_of_package(3), 1U);
    EXPECT_EQ(topology->socket_of_package(1), std::nullopt);
    EXPECT_EQ(topology->total_cpus(), 4U);
}

TEST(CpuTopology, CountsCpusWithoutAPackageAsPackageNull) {
    FakeTree tree;
    tree.file("devices/system/cpu/online", "0-1");
    tree.file("devices/system/cpu/cpu0/topology/physical_package_id", "-1\n");
    const auto topology = read_topology(tree.root());
    ASSERT_TRUE(topology);
    EXPECT_EQ(*topology, single_socket(2));
}

TEST(CpuTopology, SaysWhyThereIsNone) {
    FakeTree tree;
    EXPECT_FALSE(read_topology(tree.root()));
    tree.file("devices/system/cpu/online", "none");
    EXPECT_EQ(read_topology(tree.root()).error().what, "is not a list of CPUs");
}

TEST(SocketTimes, AddUp) {
    EXPECT_EQ(total_of({1ns, 2ns, 4ns}), 7ns);
    EXPECT_EQ(total_of({}), 0ns);
}

} // namespace
} // namespace wattvisor
