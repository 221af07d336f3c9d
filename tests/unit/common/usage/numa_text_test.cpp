// SPDX-License-Identifier: Apache-2.0
#include "common/usage/numa_text.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <string>

namespace wattvisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(NumaStat, OfVersionTwoIsWhatAProcessHolds) {
    EXPECT_EQ(parse_numa_stat_v2(
                  "anon N0=4096 N1=8192\nfile N0=1000000 N1=7\nkernel_stack N0=16384 N1=0\n"
                  "shmem N0=100 N1=200\nanon_thp N0=5 N1=5\n"),
              (NodeBytes{{0, 4196}, {1, 8392}}));
    EXPECT_EQ(parse_numa_stat_v2("anon N0=1\n"), (NodeBytes{{0, 1}}));
}

TEST(NumaStat, OfVersionOneIsInPagesAndWithTheGroupsBelow) {
    const std::string own = "total=30 N0=20 N1=10\nfile=9 N0=9 N1=0\nanon=15 N0=5 N1=10\n"
                            "unevictable=6 N0=6 N1=0\n";
    EXPECT_EQ(parse_numa_stat_v1(own, 4096), (NodeBytes{{0, 11 * 4096}, {1, 10 * 4096}}));
    const std::string all =
        own + "hierarchical_total=60 N0=50 N1=10\nhierarchical_file=0 N0=0 N1=0\n"
              "hierarchical_anon=50 N0=40 N1=10\nhierarchical_unevictable=1 N0=1 N1=0\n";
    EXPECT_EQ(parse_numa_stat_v1(all, 65536), (NodeBytes{{0, 41 * 65536}, {1, 10 * 65536}}));
}

TEST(NumaStat, OfHugePagesIsInBytes) {
    EXPECT_EQ(parse_hugetlb_numa_stat("total=4194304 N0=2097152 N1=2097152\n"),
              (NodeBytes{{0, 2097152}, {1, 2097152}}));
    EXPECT_EQ(
        parse_hugetlb_numa_stat("total=0 N0=0 N1=0\nhierarchical_total=2097152 N0=0 N1=2097152\n"),
        (NodeBytes{{0, 0}, {1, 2097152}}));
}

TEST(NumaStat, ThatIsBrokenHasNoValue) {
    for (const char* text : {"", "\n\n", "file N0=1\n", "anonymous N0=1\n", "N0=1"}) {
        EXPECT_EQ(parse_numa_stat_v2(text), std::nullopt) << text;
        EXPECT_EQ(parse_numa_stat_v1(text, 4096), std::nullopt) << text;
        EXPECT_EQ(parse_hugetlb_numa_stat(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_numa_stat_v2("anon N=1 N1 N2= N3=x N4=-1 Nx=3 N99999=1 =5 N0=7\n"),
              (NodeBytes{{0, 7}}));
}

TEST(NumaStat, DoesNotOverflowOnAbsurdNumbers) {
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(parse_numa_stat_v2("anon N0=18446744073709551615\nshmem N0=5\n"),
              (NodeBytes{{0, kMost}}));
    EXPECT_EQ(parse_numa_stat_v1("anon=1 N0=18446744073709551615\n", 4096),
              (NodeBytes{{0, kMost}}));
}

constexpr const char* kNumaMaps =
    "558861c17000 default file=/usr/bin/qemu mapped=2 mapmax=3 N0=2 kernelpagesize_kB=4\n"
    "5588a01e2000 default heap anon=4 dirty=4 active=0 N0=1 N1=3 kernelpagesize_kB=4\n"
    "7f0000000000 bind:1 file=/dev/hugepages/libvirt/qemu/1-web/ram huge dirty=8 N1=8 "
    "kernelpagesize_kB=2048\n"
    "7f1000000000 default\n"
    "7ffd00000000 default stack anon=1 dirty=1 N9=1\n";

TEST(NumaMaps, AreWhatIsResidentOfAllMappings) {
    EXPECT_EQ(parse_numa_maps(kNumaMaps, NumaMapsPart::all),
              (NodeBytes{{0, 3 * 4096}, {1, 3 * 4096 + 8 * 2097152ULL}}));
}

TEST(NumaMaps, OfHugePagesAreTheirsOnly) {
    EXPECT_EQ(parse_numa_maps(kNumaMaps, NumaMapsPart::huge_pages),
              (NodeBytes{{1, 8 * 2097152ULL}}));
}

// A process chooses the names of its files; the kernel writes a blank as \040 and '=' as \075.
TEST(NumaMaps, AreNotMisledByTheNamesOfFiles) {
    EXPECT_EQ(parse_numa_maps(
                  "7f00 default file=/tmp/\\040N1\\07599\\040huge\\040kernelpagesize_kB\\0759 N0=1 "
                  "kernelpagesize_kB=4\n",
                  NumaMapsPart::all),
              (NodeBytes{{0, 4096}}));
}

TEST(NumaMaps, ThatAreBrokenAreEmpty) {
    for (const char* text :
         {"", "\n", "7f00 default N0=5\n", "7f00 default N0=5 kernelpagesize_kB=x\n"}) {
        EXPECT_THAT(parse_numa_maps(text, NumaMapsPart::all), IsEmpty()) << text;
    }
}

TEST(NodeUsedMemory, IsWhatIsNotFree) {
    EXPECT_EQ(
        parse_node_used_memory("Node 1 MemTotal:       1000 kB\nNode 1 MemFree:        400 kB\n"
                               "Node 1 MemUsed:         1 kB\n"),
        600 * 1024);
    for (const char* text :
         {"", "Node 0 MemTotal: 5 kB\n", "Node 0 MemTotal: 5 kB\nNode 0 MemFree: 6 kB\n",
          "MemTotal: 5 kB\nMemFree: 1 kB\n"}) {
        EXPECT_EQ(parse_node_used_memory(text), std::nullopt) << text;
    }
}

TEST(NodeDistances, AreInTheOrderOfTheNodes) {
    EXPECT_THAT(parse_node_distances("10 21 999\n"), ElementsAre(10U, 21U, 255U));
    EXPECT_THAT(parse_node_distances("x 5"), ElementsAre(255U, 5U));
    EXPECT_THAT(parse_node_distances("\n"), IsEmpty());
}

} // namespace
} // namespace wattvisor
