// SPDX-License-Identifier: Apache-2.0
#include "common/usage/clock_time_source.hpp"
#include "common/usage/process_usage.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/unit/common/usage/live_child.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <unistd.h>

namespace wattvisor {
namespace {

const CpuTopologyPtr kOneSocket = std::make_shared<const CpuTopology>(single_socket(2));

using test::FakeTree;
using test::LiveChild;

namespace fs = std::filesystem;

const ConsumerUsage* find(const UsageSample& sample, pid_t pid) {
    const auto found =
        std::find_if(sample.consumers.begin(), sample.consumers.end(),
                     [pid](const ConsumerUsage& used) { return used.consumer->pid == pid; });
    return found == sample.consumers.end() ? nullptr : &*found;
}

// CPU time in clock ticks, or nothing where the process is not listed.
std::optional<std::int64_t> ticks_of(const UsageSample& sample, pid_t pid) {
    const ConsumerUsage* used = find(sample, pid);
    return used == nullptr ? std::nullopt : std::optional(total_of(used->cpu_time) / clock_tick());
}

class FakeProc : public testing::Test {
protected:
    void show(pid_t pid, int ticks, int start = 500, const std::string& comm = "worker",
              std::uint64_t flags = 4'194'304) const {
        tree.file("proc/" + std::to_string(pid) + "/stat",
                  std::to_string(pid) + " (" + comm + ") S 1 1 1 -1 -1 " + std::to_string(flags) +
                      " 0 0 0 0 " + std::to_string(ticks) + " 0 0 0 20 0 1 0 " +
                      std::to_string(start) + " 0 0\n");
        tree.file("proc/" + std::to_string(pid) + "/cmdline", comm + std::string("\0-x\0", 4));
    }
    void show_busy(int ticks) const {
        tree.file("proc/stat", "cpu  " + std::to_string(ticks) + " 0 0 0 0 0 0 0 0 0\n");
    }
    [[nodiscard]] fs::path root() const { return tree.root() / "proc"; }

    FakeTree tree;
    ClockTimeSource times{tree.root() / "proc", kOneSocket, std::nullopt};
    ProcessUsage usage{tree.root() / "proc", times};
};

// A list of all processes is what a tick costs most for: none is made where none can be new.
class NothingWasBorn : public FakeProc {
protected:
    NothingWasBorn() {
        show_last_pid(99);
        show(10, 5);
        show_busy(100);
        static_cast<void>(usage.collect());
    }
    void show_last_pid(int pid) const {
        tree.file("proc/loadavg", "0.03 0.84 1.30 2/1905 " + std::to_string(pid) + "\n");
    }
    [[nodiscard]] static ProcessDetails details(const fs::path& root) {
        ProcessDetails details;
        details.loadavg = root / "loadavg";
        return details;
    }

    ProcessUsage usage{root(), times, details(root())};
};

TEST_F(NothingWasBorn, ReadsWhatIsKnown) {
    show(10, 7);
    show(11, 3); // as if it had been given its pid; see the test of ten ticks
    const UsageSample sample = usage.collect();
    EXPECT_EQ(ticks_of(sample, 10), 2);
    EXPECT_EQ(ticks_of(sample, 11), std::nullopt);
}

TEST_F(NothingWasBorn, ListsAllWhenAPidWasGivenOut) {
    show(11, 3);
    show_last_pid(100);
    EXPECT_EQ(ticks_of(usage.collect(), 11), 3) << "all that it used since it was born";
    show(11, 4);
    EXPECT_EQ(ticks_of(usage.collect(), 11), 4);
}

TEST_F(NothingWasBorn, ListsAllAfterTenTicksAllTheSame) {
    show(11, 3);
    for (int tick = 1; tick < 10; ++tick) {
        EXPECT_EQ(ticks_of(usage.collect(), 11), std::nullopt) << tick;
    }
    EXPECT_EQ(ticks_of(usage.collect(), 11), 3);
}

TEST_F(NothingWasBorn, TellsTheEndOfAProcess) {
    show(10, 9);
    EXPECT_EQ(ticks_of(usage.collect(), 10), 4);
    fs::remove_all(root() / "10");
    EXPECT_EQ(ticks_of(usage.collect(), 10), 4) << "its last part";
    EXPECT_EQ(ticks_of(usage.collect(), 10), std::nullopt);
    show_last_pid(100);
    show(10, 2, 900); // another process
    EXPECT_EQ(ticks_of(usage.collect(), 10), 2);
}

TEST_F(NothingWasBorn, LeavesToOthersWhatIsTheirsNow) {
    UsageSample sample;
    usage.append_to(sample, {10});
    EXPECT_EQ(ticks_of(sample, 10), 0) << "once more";
    UsageSample next;
    usage.append_to(next, {10});
    EXPECT_EQ(ticks_of(next, 10), std::nullopt);
    show(10, 50);
    UsageSample back;
    usage.append_to(back, {});
    EXPECT_EQ(ticks_of(back, 10), 0) << "what it used for others was theirs";
}

TEST(ProcessUsage, MeasuresALiveProcess) {
    LiveChild child;
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    ProcessUsage usage("/proc", times);
    const auto before_burning = child.burn();
    const auto first = usage.collect();
    ASSERT_NE(find(first, child.pid()), nullptr);
    EXPECT_EQ(total_of(find(first, child.pid())->cpu_time).count(), 0)
        << "the past is nobody's bill";
    const auto used = child.burn() - before_burning;
    const auto second = usage.collect();
    ASSERT_NE(find(second, child.pid()), nullptr);
    const auto measured = total_of(find(second, child.pid())->cpu_time);
    EXPECT_NEAR(static_cast<double>(measured.count()) / static_cast<double>(used.count()), 1.0,
                0.1);
    EXPECT_GT(total_of(second.busy_time.value()), total_of(first.busy_time.value()));
}

TEST(ProcessUsage, ChargesAllTheTimeOfAProcessThatWasBornLater) {
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    ProcessUsage usage("/proc", times);
    (void)usage.collect();
    LiveChild child;
    const auto used = child.burn();
    const auto sample = usage.collect();
    ASSERT_NE(find(sample, child.pid()), nullptr);
    const auto measured = total_of(find(sample, child.pid())->cpu_time);
    EXPECT_NEAR(static_cast<double>(measured.count()) / static_cast<double>(used.count()), 1.0,
                0.1);
}

// Its last part belongs to it, so it is told of in the tick in which it ended.
TEST(ProcessUsage, TellsOfAProcessThatEndedOnceMore) {
    LiveChild child;
    const pid_t pid = child.pid();
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    ProcessUsage usage("/proc", times);
    EXPECT_NE(find(usage.collect(), pid), nullptr);
    child.die();
    EXPECT_NE(find(usage.collect(), pid), nullptr);
    EXPECT_EQ(find(usage.collect(), pid), nullptr) << "a zombie";
    child.end();
    EXPECT_EQ(find(usage.collect(), pid), nullptr);
}

// A shell forks and then turns into the program: the first look sees the shell.
TEST(ProcessUsage, PicksUpTheNameOfTheProgramThatAProcessBecame) {
    LiveChild child;
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    ProcessUsage usage("/proc", times);
    const auto before = usage.collect();
    const std::string own_name = read_pid_stat("/proc/self")->comm;
    ASSERT_NE(find(before, child.pid()), nullptr);
    EXPECT_EQ(find(before, child.pid())->consumer->exe, own_name);
    child.become_cat();
    const auto after = usage.collect();
    ASSERT_NE(find(after, child.pid()), nullptr);
    const Consumer& cat = *find(after, child.pid())->consumer;
    EXPECT_EQ(cat.exe, "cat");
    EXPECT_EQ(cat.name, "cat");
    EXPECT_EQ(cat.cmdline, "cat-");
    EXPECT_EQ(cat.key, find(before, child.pid())->consumer->key) << "it is the same consumer";
}

TEST(ProcessUsage, FindsItself) {
    ClockTimeSource times("/proc", kOneSocket, std::nullopt);
    ProcessUsage usage("/proc", times);
    const auto sample = usage.collect();
    ASSERT_NE(find(sample, ::getpid()), nullptr);
    EXPECT_EQ(find(sample, ::getpid())->consumer->kind, ConsumerKind::process);
}

TEST_F(FakeProc, DescribesAProcess) {
    show(12, 100, 777, "na)me x");
    const auto sample = usage.collect();
    ASSERT_NE(find(sample, 12), nullptr);
    const Consumer& process = *find(sample, 12)->consumer;
    EXPECT_EQ(process.kind, ConsumerKind::process);
    EXPECT_EQ(process.key, "12:777");
    EXPECT_EQ(process.name, "na)me x");
    EXPECT_EQ(process.exe, "na)me x");
    EXPECT_EQ(process.cmdline, "na)me x-x");
    EXPECT_EQ(process.pid, 12);
}

TEST_F(FakeProc, CountsFromTheFirstLook) {
    show(12, 1000);
    show_busy(9000);
    EXPECT_EQ(ticks_of(usage.collect(), 12), 0);
    show(12, 1030);
    show_busy(9042);
    const auto sample = usage.collect();
    EXPECT_EQ(ticks_of(sample, 12), 30);
    EXPECT_EQ(total_of(sample.busy_time.value()) / clock_tick(), 42);
}

TEST_F(FakeProc, CountsAProcessThatAppearsLaterFromItsBirth) {
    (void)usage.collect();
    show(12, 30);
    EXPECT_EQ(ticks_of(usage.collect(), 12), 30);
}

TEST_F(FakeProc, ReadsOnlyWhatIsNamedLikeAProcess) {
    show(12, 1);
    tree.file("proc/self/stat", "12 (x) S\n");
    tree.file("proc/12a/stat", "x");
    tree.file("proc/-5/stat", "x");
    tree.file("proc/0/stat", "x");
    tree.file("proc/99999999999999/stat", "x");
    EXPECT_EQ(usage.collect().consumers.size(), 1U);
}

TEST_F(FakeProc, LeavesKernelThreadsToOther) {
    show(2, 1000, 0, "kthreadd", 0x00200000 | 0x40);
    show(12, 1000);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(usage.collect().consumers.size(), 1U);
    }
}

TEST_F(FakeProc, TakesAReusedPidForANewProcess) {
    show(12, 1000, 500, "old");
    (void)usage.collect();
    show(12, 7, 900, "new");
    const auto sample = usage.collect();
    ASSERT_EQ(sample.consumers.size(), 2U);
    EXPECT_EQ(sample.consumers[0].consumer->key, "12:500") << "its end";
    EXPECT_EQ(total_of(sample.consumers[0].cpu_time).count(), 0);
    EXPECT_EQ(sample.consumers[1].consumer->key, "12:900");
    EXPECT_EQ(sample.consumers[1].consumer->name, "new");
    EXPECT_EQ(total_of(sample.consumers[1].cpu_time), 7 * clock_tick());
    EXPECT_EQ(usage.collect().consumers.size(), 1U);
}

// Kepler: one /proc/1/exe that may not be read, and the whole refresh failed, tick after tick.
TEST_F(FakeProc, LosesOnlyTheProcessThatCannotBeRead) {
    show(12, 100);
    tree.folder("proc/13");
    tree.file("proc/14/stat", "garbage");
    tree.folder("proc/15/stat");
    EXPECT_EQ(usage.collect().consumers.size(), 1U);
    show(12, 110);
    const auto sample = usage.collect();
    EXPECT_EQ(sample.consumers.size(), 1U);
    EXPECT_EQ(ticks_of(sample, 12), 10);
}

TEST_F(FakeProc, ListsAProcessWhoseArgumentsCannotBeRead) {
    show(12, 100);
    fs::remove(root() / "12/cmdline");
    const auto sample = usage.collect();
    ASSERT_EQ(sample.consumers.size(), 1U);
    EXPECT_EQ(sample.consumers[0].consumer->cmdline, "");
}

// A consumer that is left out of one sample is counted from 0 in the next: all of its time since it
// was first seen would be charged a second time, to that one tick.
TEST_F(FakeProc, KeepsTheLastTimeOfAProcessThatCannotBeReadJustNow) {
    show(12, 100);
    (void)usage.collect();
    show(12, 150);
    EXPECT_EQ(ticks_of(usage.collect(), 12), 50);
    tree.file("proc/12/stat", "");
    EXPECT_EQ(ticks_of(usage.collect(), 12), 50);
    show(12, 160);
    EXPECT_EQ(ticks_of(usage.collect(), 12), 60);
}

// Out of file descriptors, for instance. Everybody would be taken for new-born at the next look.
TEST_F(FakeProc, KeepsAllTimesWhenTheListOfProcessesCannotBeRead) {
    show(12, 100);
    show(13, 100);
    (void)usage.collect();
    show(12, 150);
    EXPECT_EQ(ticks_of(usage.collect(), 12), 50);
    fs::rename(root(), tree.root() / "away");
    const auto without = usage.collect();
    EXPECT_EQ(ticks_of(without, 12), 50);
    EXPECT_EQ(ticks_of(without, 13), 0);
    fs::rename(tree.root() / "away", root());
    show(12, 160);
    EXPECT_EQ(ticks_of(usage.collect(), 12), 60);
}

// What was there and could not be opened was not born since: its past is not this tick's.
TEST_F(FakeProc, CountsAProcessThatCouldNotBeOpenedFromWhenItCould) {
    show(12, 100'000);
    tree.file("proc/12/stat", "");
    (void)usage.collect();
    (void)usage.collect();
    show(12, 100'000);
    EXPECT_EQ(ticks_of(usage.collect(), 12), 0);
    show(12, 100'007);
    EXPECT_EQ(ticks_of(usage.collect(), 12), 7);
}

TEST_F(FakeProc, ForgetsAProcessThatIsNoLongerListed) {
    show(12, 100);
    (void)usage.collect();
    fs::remove_all(root() / "12");
    EXPECT_EQ(usage.collect().consumers.size(), 1U) << "its end";
    EXPECT_TRUE(usage.collect().consumers.empty());
    show(12, 30, 900);
    EXPECT_EQ(ticks_of(usage.collect(), 12), 30) << "another process, charged from its birth";
}

// A source that says of every process that it stands still, as the BPF program does of one that it
// never saw run: nobody tells it that such a process was collected by its parent.
class StandingStill final : public CpuTimeSource {
public:
    [[nodiscard]] std::string_view name() const override { return "still"; }
    [[nodiscard]] const CpuTopologyPtr& topology() const override { return kOneSocket; }
    void begin() override {}
    [[nodiscard]] Result<ProcessReading> read(WatchedProcess&) override {
        return ProcessReading{SocketTimes(1), false};
    }
    [[nodiscard]] std::vector<YoungProcess> young_processes() override { return {}; }
    [[nodiscard]] std::vector<ShortLife> take_short_lives() override { return {}; }
    [[nodiscard]] std::optional<SocketTimes> busy_time() override { return std::nullopt; }
    [[nodiscard]] std::chrono::nanoseconds busy_error() const override { return {}; }
    [[nodiscard]] bool sees_ends() const override { return true; }
    [[nodiscard]] std::uint64_t lost() const override { return 0; }
};

TEST_F(FakeProc, ForgetsWhatIsNoLongerListedAlsoWhereNoEndIsTold) {
    StandingStill source;
    ProcessUsage of_that_source(root(), source);
    show(12, 100);
    EXPECT_EQ(of_that_source.collect().consumers.size(), 1U);
    fs::remove_all(root() / "12");
    for (int collection = 0; collection < 10; ++collection) {
        (void)of_that_source.collect();
    }
    EXPECT_TRUE(of_that_source.collect().consumers.empty());
}

TEST_F(FakeProc, HasNoBusyTimeWhenItCannotBeRead) {
    show_busy(100);
    (void)usage.collect();
    show_busy(150);
    EXPECT_EQ(total_of(usage.collect().busy_time.value()) / clock_tick(), 50);
    tree.file("proc/stat", "");
    EXPECT_EQ(usage.collect().busy_time, std::nullopt);
    show_busy(170);
    EXPECT_EQ(total_of(usage.collect().busy_time.value()) / clock_tick(), 70);
}

// The first reading of busy time that succeeds must not be everything since boot.
TEST_F(FakeProc, DoesNotTakeBusyTimeSinceBootForOneTick) {
    EXPECT_EQ(usage.collect().busy_time, std::nullopt);
    show_busy(1'000'000);
    EXPECT_EQ(total_of(usage.collect().busy_time.value()).count(), 0);
}

TEST_F(FakeProc, LooksForANewNameSoonAfterBirthAndSeldomLater) {
    show(12, 1, 500, "sh");
    EXPECT_EQ(usage.collect().consumers[0].consumer->name, "sh");
    show(12, 1, 500, "java");
    EXPECT_EQ(usage.collect().consumers[0].consumer->name, "java");
    (void)usage.collect();
    show(12, 1, 500, "renamed");
    EXPECT_EQ(usage.collect().consumers[0].consumer->name, "java");
    std::string name;
    for (int i = 0; i < 60; ++i) {
        name = usage.collect().consumers[0].consumer->name;
    }
    EXPECT_EQ(name, "renamed");
}

TEST_F(FakeProc, KeepsTheConsumerThatItHandedOutWhileNothingChanges) {
    show(12, 1);
    const auto first = usage.collect();
    const auto second = usage.collect();
    EXPECT_EQ(first.consumers[0].consumer, second.consumers[0].consumer);
}

TEST_F(FakeProc, TellsTheUnitAndTheContainerWhereAskedFor) {
    const std::string id(64, 'a');
    ContainerRegistry containers("");
    ProcessUsage placed(root(), times, {false, true, &containers});
    show(12, 1);
    tree.file("proc/12/cgroup", "0::/system.slice/web.service\n");
    show(13, 1);
    tree.file("proc/13/cgroup", "0::/docker/" + id + "\n");
    show(14, 1); // whose group may not be read
    UsageSample sample = placed.collect();
    EXPECT_EQ(find(sample, 12)->consumer->systemd_unit, "web.service");
    EXPECT_EQ(find(sample, 13)->consumer->container->id, id);
    EXPECT_EQ(find(sample, 14)->consumer->systemd_unit, "");
    EXPECT_EQ(find(sample, 12)->resources, nullptr);
    Container named;
    named.id = id;
    named.name = "web";
    containers.learn({named});
    sample = placed.collect();
    EXPECT_EQ(find(sample, 13)->consumer->container->name, "web") << "at the next tick";
    EXPECT_EQ(find(usage.collect(), 12)->consumer->systemd_unit, "") << "not asked for";
}

// One file per process when it is described, not at each tick.
TEST_F(FakeProc, ReadsTheGroupOfAProcessSeldom) {
    ProcessUsage placed(root(), times, {false, true, nullptr});
    show(12, 1);
    tree.file("proc/12/cgroup", "0::/system.slice/web.service\n");
    for (int i = 0; i < 4; ++i) {
        (void)placed.collect();
    }
    tree.file("proc/12/cgroup", "0::/system.slice/other.service\n");
    EXPECT_EQ(find(placed.collect(), 12)->consumer->systemd_unit, "web.service");
    std::string unit;
    for (int i = 0; i < 60; ++i) {
        unit = find(placed.collect(), 12)->consumer->systemd_unit;
    }
    EXPECT_EQ(unit, "other.service");
}

TEST_F(FakeProc, TellsResourcesWhereAskedFor) {
    ProcessUsage detailed(root(), times, {true, false, nullptr});
    show(12, 1);
    tree.file("proc/12/statm", "100 10 1 1 0 1 0\n");
    ASSERT_NE(find(detailed.collect(), 12)->resources, nullptr);
    EXPECT_GT(find(detailed.collect(), 12)->resources->memory_bytes.value_or(0), 0U);
}

} // namespace
} // namespace wattvisor
