// SPDX-License-Identifier: Apache-2.0
#include "common/usage/numa_memory.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace wattvisor {
namespace {

using test::FakeTree;
using testing::ElementsAre;

const CpuTopology kTwoSockets{{0, 1}, {2, 2}, {0, 0, 1, 1}};

class FakeNodes : public testing::Test {
protected:
    void node(unsigned id, const std::string& cpus, const std::string& distance,
              std::uint64_t used_kb = 0) const {
        const std::string name = "devices/system/node/node" + std::to_string(id) + "/";
        const std::string prefix = "Node " + std::to_string(id) + " ";
        tree.file(name + "cpulist", cpus + "\n");
        tree.file(name + "distance", distance + "\n");
        tree.file(name + "meminfo", prefix + "MemTotal: 1000000 kB\n" + prefix +
                                        "MemFree: " + std::to_string(1000000 - used_kb) + " kB\n");
    }
    void online(const std::string& nodes) const {
        tree.file("devices/system/node/online", nodes + "\n");
    }
    [[nodiscard]] NumaTopology topology(const CpuTopology& cpus = kTwoSockets) const {
        const auto read = read_numa_topology(tree.root(), cpus);
        EXPECT_TRUE(read);
        return *read;
    }

    FakeTree tree;
};

TEST_F(FakeNodes, OfTwoSocketsAreOneEach) {
    online("0-1");
    node(0, "0-1", "10 21");
    node(1, "2-3", "21 10");
    EXPECT_THAT(topology().by_socket({{0, 5}, {1, 7}}), ElementsAre(5U, 7U));
}

// Nodes are not numbered like sockets: two per socket, or one that is there for memory only.
TEST_F(FakeNodes, WithoutCpusCountForTheNearestWithCpus) {
    online("0-1,4-5");
    node(0, "0-1", "10 21 17 28");
    node(1, "2-3", "21 10 28 17");
    node(4, "", "17 28 10 28");
    node(5, "", "28 17 28 10");
    EXPECT_THAT(topology().by_socket({{0, 1}, {1, 10}, {4, 100}, {5, 1000}}),
                ElementsAre(101U, 1010U));
}

TEST_F(FakeNodes, OfOneSocketAreAddedUp) {
    online("0-3");
    node(0, "0", "10 12 20 20");
    node(1, "1", "12 10 20 20");
    node(2, "2", "20 20 10 12");
    node(3, "3", "20 20 12 10");
    EXPECT_THAT(topology().by_socket({{0, 1}, {1, 2}, {2, 4}, {3, 8}}), ElementsAre(3U, 12U));
}

TEST_F(FakeNodes, OverSeveralSocketsAreSplitByCpus) {
    online("0");
    node(0, "0-3", "10");
    EXPECT_THAT(topology().by_socket({{0, 1001}}), ElementsAre(500U, 501U));
    EXPECT_THAT(topology({{0, 1}, {1, 3}, {0, 1, 1, 1}}).by_socket({{0, 1000}}),
                ElementsAre(250U, 750U));
}

TEST_F(FakeNodes, ThatAreNotKnownCountForTheFirstSocket) {
    online("0-1");
    node(0, "", "10 20");
    node(1, "", "20 10");
    EXPECT_THAT(topology().by_socket({{0, 1}, {1, 2}, {9, 4}}), ElementsAre(7U, 0U));
    EXPECT_THAT(NumaTopology().by_socket({{0, 3}}), ElementsAre(3U));
}

TEST_F(FakeNodes, WithOfflineOrUnknownCpusAreStillRead) {
    online("0-1");
    node(0, "0,77", "10 20");
    node(1, "nonsense", "20 10");
    EXPECT_THAT(topology().by_socket({{0, 1}, {1, 2}}), ElementsAre(3U, 0U));
}

TEST_F(FakeNodes, ThatAreNotThereAreAnError) {
    EXPECT_EQ(read_numa_topology(tree.root(), kTwoSockets).error().severity, Severity::gone);
    online("x");
    EXPECT_EQ(read_numa_topology(tree.root(), kTwoSockets).error().severity, Severity::transient);
}

TEST_F(FakeNodes, SayHowMuchOfThemIsInUse) {
    online("0-1");
    node(0, "0-1", "10 21", 100);
    node(1, "2-3", "21 10", 300);
    const auto used = read_used_memory(tree.root(), topology());
    ASSERT_TRUE(used);
    EXPECT_EQ(*used, (NodeBytes{{0, 100 * 1024}, {1, 300 * 1024}}));
    tree.file("devices/system/node/node1/meminfo", "");
    EXPECT_FALSE(read_used_memory(tree.root(), topology()));
}

class FakeVm : public testing::Test {
protected:
    FakeVm() {
        source.process = tree.root() / "100";
        tree.file("100/numa_maps", "7f00 default anon=1 N0=1 kernelpagesize_kB=4\n"
                                   "7f10 default huge N1=1 kernelpagesize_kB=2048\n");
    }
    void huge_pages(int kb) const {
        tree.file("100/status",
                  "Name:\tqemu\nHugetlbPages:\t" + std::to_string(kb) + " kB\nThreads:\t1\n");
    }

    FakeTree tree;
    NumaMemorySource source;
};

TEST_F(FakeVm, WithoutAGroupIsReadFromItsMappings) {
    EXPECT_EQ(*read_numa_memory(source), (NodeBytes{{0, 4096}, {1, 2097152}}));
    source.process = tree.root() / "nobody";
    EXPECT_EQ(read_numa_memory(source).error().severity, Severity::gone);
}

TEST_F(FakeVm, WithAGroupIsReadFromThere) {
    tree.file("cg/memory.numa_stat", "anon N0=10 N1=20\nshmem N0=1 N1=2\n");
    source.memory_group = tree.root() / "cg";
    source.is_v2 = true;
    EXPECT_EQ(*read_numa_memory(source), (NodeBytes{{0, 11}, {1, 22}}));
    huge_pages(0);
    EXPECT_EQ(*read_numa_memory(source), (NodeBytes{{0, 11}, {1, 22}}));
}

TEST_F(FakeVm, WithAGroupOfVersionOneIsReadInPages) {
    tree.file("cg/memory.numa_stat", "anon=3 N0=1 N1=2\n");
    source.memory_group = tree.root() / "cg";
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    EXPECT_EQ(*read_numa_memory(source), (NodeBytes{{0, page}, {1, 2 * page}}));
}

TEST_F(FakeVm, WithHugePagesInAGroupHasThemFromThere) {
    huge_pages(2048);
    tree.file("cg/memory.numa_stat", "anon N0=10\n");
    tree.file("cg/hugetlb.2MB.numa_stat", "total=50 N0=20 N1=30\n");
    tree.file("cg/hugetlb.1GB.numa_stat", "total=7 N0=0 N1=7\n");
    tree.file("cg/hugetlb.2MB.current", "total=999 N0=999\n");
    source.memory_group = source.hugetlb_group = tree.root() / "cg";
    source.is_v2 = true;
    EXPECT_EQ(*read_numa_memory(source), (NodeBytes{{0, 30}, {1, 37}}));
}

// libvirt's groups have no controller for huge pages: all of such a VM's memory was missing.
TEST_F(FakeVm, WithHugePagesThatNoGroupCountsHasThemFromItsMappings) {
    huge_pages(2048);
    tree.file("cg/memory.numa_stat", "anon N0=10\n");
    source.memory_group = source.hugetlb_group = tree.root() / "cg";
    source.is_v2 = true;
    EXPECT_EQ(*read_numa_memory(source), (NodeBytes{{0, 10}, {1, 2097152}}));
    std::filesystem::remove(tree.root() / "100/numa_maps");
    EXPECT_FALSE(read_numa_memory(source)); // too little would be wrong
}

TEST_F(FakeVm, WhoseGroupDoesNotCountMemoryIsReadFromItsMappings) {
    source.memory_group = tree.folder("cg");
    source.is_v2 = true;
    EXPECT_EQ(*read_numa_memory(source), (NodeBytes{{0, 4096}, {1, 2097152}}));
}

TEST(LiveNumaMemory, OfThisProcessGrowsWithWhatItTouches) {
    NumaMemorySource source;
    source.process = "/proc/self";
    if (!std::filesystem::exists("/proc/self/numa_maps")) {
        GTEST_SKIP() << "this kernel has no NUMA";
    }
    const auto sum = [&source] {
        std::uint64_t bytes = 0;
        for (const auto& [node, value] : *read_numa_memory(source)) {
            bytes += value;
        }
        return bytes;
    };
    const std::uint64_t before = sum();
    constexpr std::size_t kSize = 64U << 20U;
    void* memory =
        ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    std::memset(memory, 1, kSize);
    EXPECT_GE(sum(), before + kSize / 2);
    ::munmap(memory, kSize);
}

} // namespace
} // namespace wattvisor
