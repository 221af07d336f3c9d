// SPDX-License-Identifier: Apache-2.0
#include "common/machine/host_stats.hpp"
#include "common/machine/surroundings.hpp"
#include "tests/support/fake_tree.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using test::FakeTree;

// Scaphandre's third value repeats the second.
TEST(LoadAverage, HasThreeValues) {
    const auto load = parse_loadavg("0.52 1.25 2.00 3/812 12345\n");
    ASSERT_TRUE(load);
    EXPECT_EQ(load->one, 0.52);
    EXPECT_EQ(load->five, 1.25);
    EXPECT_EQ(load->fifteen, 2.0);
}

TEST(LoadAverage, IsAbsentFromOtherTexts) {
    for (const char* text : {"", "1", "1 2", "a b c", "1 2 x", "-1 2 3", "nan 1 1"}) {
        EXPECT_FALSE(parse_loadavg(text)) << text;
    }
}

TEST(MemoryInfo, IsInBytes) {
    const auto memory = parse_meminfo("MemTotal:       24684084 kB\nMemFree:         100 kB\n"
                                      "MemAvailable:   23620000 kB\nBuffers:  5 kB\n"
                                      "SwapCached: 3 kB\nSwapTotal:  2048 kB\nSwapFree: 1024 kB\n");
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->total, 24'684'084UL * 1024);
    EXPECT_EQ(memory->available, 23'620'000UL * 1024);
    EXPECT_EQ(memory->free, 100U * 1024);
    EXPECT_EQ(memory->swap_total, 2048U * 1024);
    EXPECT_EQ(memory->swap_free, 1024U * 1024);
}

TEST(MemoryInfo, IsAbsentWhereAPartIsMissing) {
    EXPECT_FALSE(parse_meminfo(""));
    EXPECT_FALSE(parse_meminfo("MemTotal: 5 kB\nMemFree: x kB\nMemAvailable: 1 kB\n"));
}

TEST(Activity, IsReadFromStat) {
    const auto activity =
        parse_activity("cpu  1 2 3\nintr 5 0 0\nctxt 987654321\nbtime 1\nprocesses 4711\n"
                       "procs_running 3\nprocs_blocked 1\nsoftirq 9 9\n");
    ASSERT_TRUE(activity);
    EXPECT_EQ(activity->forks, 4711U);
    EXPECT_EQ(activity->context_switches, 987'654'321U);
    EXPECT_EQ(activity->running, 3U);
    EXPECT_EQ(activity->blocked, 1U) << "Scaphandre 0.4 showed the running ones";
    EXPECT_FALSE(parse_activity("cpu 1\nctxt 5\n"));
}

TEST(CpuInfo, TellsTheMeanFrequency) {
    EXPECT_EQ(parse_cpuinfo_mhz("processor\t: 0\ncpu MHz\t\t: 2000.500\n\nprocessor\t: 1\n"
                                "cpu MHz\t\t: 3000.500\n"),
              2500.5);
    EXPECT_FALSE(parse_cpuinfo_mhz("processor : 0\nBogoMIPS : 50\n"));
}

class FakeMachine : public testing::Test {
protected:
    FakeMachine() {
        tree.file("proc/loadavg", "1.00 2.00 3.00 1/2 3\n");
        tree.file("proc/meminfo", "MemTotal: 8 kB\nMemFree: 4 kB\nMemAvailable: 6 kB\n");
        tree.file("proc/stat", "cpu 1\nctxt 5\nprocesses 6\nprocs_running 7\nprocs_blocked 8\n");
        tree.file("sys/devices/system/cpu/online", "0-1\n");
        frequency("0", "1000000");
        frequency("1", "3000000");
        tree.file("proc/1/mountinfo", "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n"
                                      "23 22 8:3 / /data\\040x rw - xfs /dev/sdb1 rw\n"
                                      "24 22 0:40 / /mnt rw - nfs4 server:/x rw\n");
        tree.folder("proc/1/root/data x");
        tree.folder("proc/1/root/mnt");
        tree.file("sys/devices/pci0/sda/queue/rotational", "0\n");
        tree.file("sys/devices/pci0/sda/removable", "1\n");
        tree.file("sys/devices/pci0/sda/sda2/partition", "2\n");
        tree.folder("sys/dev/block");
        std::filesystem::create_symlink("../../devices/pci0/sda/sda2",
                                        tree.root() / "sys/dev/block/8:2");
    }
    void frequency(const std::string& cpu, const std::string& khz) const {
        tree.file("sys/devices/system/cpu/cpu" + cpu + "/cpufreq/scaling_cur_freq", khz + "\n");
    }
    FakeTree tree;
    HostStatsReader reader{tree.root() / "proc", tree.root() / "sys"};
};

TEST_F(FakeMachine, IsReadBelowTheGivenRoots) {
    reader.read(1s);
    const HostStats& stats = reader.last();
    EXPECT_EQ(stats.load->fifteen, 3.0);
    EXPECT_EQ(stats.memory->available, 6U * 1024);
    EXPECT_EQ(stats.activity->forks, 6U);
    EXPECT_EQ(stats.cpus, 2U);
    EXPECT_EQ(stats.cpu_mhz, 2000.0);
    ASSERT_EQ(stats.disks.size(), 2U);
    EXPECT_EQ(stats.disks[0].name, "/dev/sda2");
    EXPECT_EQ(stats.disks[0].mount_point, "/");
    EXPECT_EQ(stats.disks[0].file_system, "ext4");
    EXPECT_EQ(stats.disks[0].type, "SSD");
    EXPECT_TRUE(stats.disks[0].removable);
    EXPECT_GT(stats.disks[0].total_bytes, 0U);
    EXPECT_GE(stats.disks[0].total_bytes, stats.disks[0].available_bytes);
    EXPECT_EQ(stats.disks[1].mount_point, "/data x");
    EXPECT_EQ(stats.disks[1].type, "Unknown");
    EXPECT_FALSE(stats.disks[1].removable);
}

TEST_F(FakeMachine, IsReadAtEachTickButWhatIsDearLessOften) {
    reader.read(1s);
    tree.file("proc/loadavg", "9.00 2.00 3.00 1/2 3\n");
    frequency("0", "5000000");
    tree.file("proc/1/mountinfo", "");
    reader.read(2s);
    EXPECT_EQ(reader.last().load->one, 9.0);
    EXPECT_EQ(reader.last().cpu_mhz, 2000.0);
    EXPECT_EQ(reader.last().disks.size(), 2U);
    reader.read(12s);
    EXPECT_EQ(reader.last().cpu_mhz, 4000.0);
    EXPECT_EQ(reader.last().disks.size(), 2U);
    reader.read(32s);
    EXPECT_TRUE(reader.last().disks.empty());
}

// Missing is missing: never 0, never the last value.
TEST_F(FakeMachine, LeavesOutWhatCannotBeRead) {
    reader.read(1s);
    tree.file("proc/loadavg", "");
    tree.file("proc/meminfo", "nonsense");
    reader.read(2s);
    EXPECT_FALSE(reader.last().load);
    EXPECT_FALSE(reader.last().memory);
    HostStatsReader nowhere("/nonexistent", "/nonexistent");
    nowhere.read(1s);
    EXPECT_FALSE(nowhere.last().load);
    EXPECT_FALSE(nowhere.last().activity);
    EXPECT_FALSE(nowhere.last().cpu_mhz);
    EXPECT_TRUE(nowhere.last().disks.empty());
}

// The host agent that only publishes shares pays for none of this.
TEST_F(FakeMachine, IsReadOnlyOnceSomebodyTellsOfIt) {
    Surroundings surroundings;
    surroundings.read(1s);
    EXPECT_FALSE(surroundings.host().load);
    EXPECT_TRUE(surroundings.self().memory);
    surroundings.read_host_from(tree.root() / "proc", tree.root() / "sys");
    surroundings.read(2s);
    EXPECT_EQ(surroundings.host().load->one, 1.0);
}

} // namespace
} // namespace wattvisor
