// SPDX-License-Identifier: Apache-2.0
#include "common/usage/busy_time.hpp"
#include "common/usage/process_clock.hpp"
#include "common/usage/thread_times.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using test::FakeTree;
using testing::ElementsAre;

const CpuTopology kOneSocket = single_socket(4);
const CpuTopology kTwoSockets{{0, 1}, {2, 2}, {0, 0, 1, 1}};

nanoseconds sum(std::span<const nanoseconds> parts) {
    return std::accumulate(parts.begin(), parts.end(), nanoseconds(0));
}

TEST(Schedstat, IsReadInNanoseconds) {
    EXPECT_EQ(parse_schedstat("1234567 89 10\n"), 1234567ns);
    EXPECT_EQ(parse_schedstat("0 5 1\n"), 0ns);
}

// Kernels without CONFIG_SCHED_INFO write zeros: not an idle process, no information.
TEST(Schedstat, OfZerosIsNone) {
    for (const char* text : {"0 0 0\n", "", "\n", "1", "1 2", "x 1 2", "-1 2 3",
                             "99999999999999999999 1 1", "18446744073709551615 1 1"}) {
        EXPECT_EQ(parse_schedstat(text), std::nullopt) << text;
    }
}

TEST(LastCpu, IsTheThirtyNinthField) {
    const std::string before =
        "7 (a) R (b) S 1 7 7 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17";
    EXPECT_EQ(parse_last_cpu(before + " 3 0 0"), 3U);
    EXPECT_EQ(parse_last_cpu(before + " 127\n"), 127U);
    for (const std::string& text :
         {before, before + " -1", before + " x", std::string("7 (a"), std::string()}) {
        EXPECT_EQ(parse_last_cpu(text), std::nullopt) << text;
    }
}

class FakeProcess : public testing::Test {
protected:
    static constexpr int kPid = 100;

    FakeProcess() { thread(kPid, "qemu-system-x86", 0); }

    void thread(int tid, const std::string& name, std::int64_t ns, unsigned cpu = 0) const {
        const std::string folder = "100/task/" + std::to_string(tid) + "/";
        tree.file(folder + "schedstat", std::to_string(ns) + " 0 1\n");
        tree.file(folder + "comm", name + "\n");
        stat(tid, name, 0, cpu);
    }
    void stat(int tid, const std::string& name, int ticks, unsigned cpu = 0) const {
        tree.file("100/task/" + std::to_string(tid) + "/stat",
                  std::to_string(tid) + " (" + name + ") S 1 7 7 0 -1 0 0 0 0 0 " +
                      std::to_string(ticks) +
                      " 0 0 0 20 0 1 0 500 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 " +
                      std::to_string(cpu) + " 0 0 0 0 0\n");
    }
    void end(int tid) const {
        std::filesystem::remove_all(tree.root() / "100/task" / std::to_string(tid));
    }
    [[nodiscard]] ThreadTimes open(std::size_t descriptors = 100,
                                   std::optional<Component> whole = std::nullopt) const {
        auto times = ThreadTimes::open(tree.root(), kPid, 500, descriptors, whole);
        EXPECT_TRUE(times);
        return std::move(*times);
    }
    static nanoseconds of(const ThreadTimes& times, Component component) {
        return times.by_component()[index_of(component)];
    }

    FakeTree tree;
};

TEST_F(FakeProcess, IsSplitByKindOfThread) {
    thread(101, "CPU 0/KVM", 500);
    thread(102, "CPU 1/KVM", 100);
    thread(103, "IO iothread1", 30);
    thread(104, "vhost-100", 20);
    thread(105, "worker", 7);
    thread(kPid, "qemu-system-x86", 3);
    ThreadTimes times = open();
    times.update(660ns, kOneSocket);
    EXPECT_EQ(of(times, Component::vcpu), 600ns);
    EXPECT_EQ(of(times, Component::iothread), 30ns);
    EXPECT_EQ(of(times, Component::vhost), 20ns);
    EXPECT_EQ(of(times, Component::emulator), 10ns);
    EXPECT_THAT(times.by_socket(), ElementsAre(660ns));
    thread(102, "CPU 1/KVM", 140);
    times.update(700ns, kOneSocket);
    EXPECT_EQ(of(times, Component::vcpu), 640ns);
}

// Without `-name debug-threads=on` all threads have QEMU's name.
TEST_F(FakeProcess, WithoutNamesIsAllEmulator) {
    thread(101, "qemu-system-x86", 500);
    ThreadTimes times = open();
    times.update(500ns, kOneSocket);
    EXPECT_EQ(of(times, Component::emulator), 500ns);
}

TEST_F(FakeProcess, ThatIsAHelperIsAllOneComponent) {
    thread(101, "CPU 0/KVM", 500);
    ThreadTimes times = open(100, Component::virtiofsd);
    times.update(600ns, kOneSocket);
    EXPECT_EQ(of(times, Component::virtiofsd), 600ns);
    EXPECT_EQ(sum(times.by_component()), 600ns);
}

// All energy was put on socket 0, or all sockets were added up before the split, by other meters.
TEST_F(FakeProcess, IsSplitByWhereItsThreadsAre) {
    thread(101, "CPU 0/KVM", 500, 0);
    thread(102, "CPU 1/KVM", 100, 3);
    ThreadTimes times = open();
    times.update(600ns, kTwoSockets);
    EXPECT_THAT(times.by_socket(), ElementsAre(500ns, 100ns));
    thread(101, "CPU 0/KVM", 550, 2); // it moved
    thread(102, "CPU 1/KVM", 101, 3);
    times.update(651ns, kTwoSockets);
    EXPECT_THAT(times.by_socket(), ElementsAre(525ns, 126ns)) << "half of it, where it was";
}

TEST_F(FakeProcess, TellsWhatIsOfThreadsThatWentToAnotherSocket) {
    thread(101, "CPU 0/KVM", 0, 1);
    ThreadTimes times = open();
    times.update(1ns, kTwoSockets);
    EXPECT_THAT(times.moved(), ElementsAre(0ns, 0ns)) << "where it was before is not known";
    thread(kPid, "qemu-system-x86", 400'000'000, 0);
    thread(101, "CPU 0/KVM", 600'000'000, 3);
    times.update(1s, kTwoSockets);
    EXPECT_THAT(times.moved(), ElementsAre(300ms, 300ms));
    thread(kPid, "qemu-system-x86", 500'000'000, 2);
    thread(101, "CPU 0/KVM", 900'000'000, 2);
    times.update(1400ms, kTwoSockets);
    EXPECT_THAT(times.moved(), ElementsAre(50ms, 50ms));
    times.update(1400ms, kTwoSockets);
    EXPECT_THAT(times.moved(), ElementsAre(0ns, 0ns)) << "nothing was used";
}

TEST_F(FakeProcess, OnACpuThatNobodyKnowsStaysWhereItWas) {
    thread(101, "CPU 0/KVM", 500, 3);
    ThreadTimes times = open();
    times.update(500ns, kTwoSockets);
    thread(101, "CPU 0/KVM", 600, 77);
    times.update(600ns, kTwoSockets);
    EXPECT_THAT(times.by_socket(), ElementsAre(0ns, 600ns));
}

TEST_F(FakeProcess, KeepsTheTimeOfThreadsThatEnd) {
    thread(101, "CPU 0/KVM", 300);
    thread(102, "worker", 100);
    ThreadTimes times = open();
    times.update(400ns, kOneSocket);
    end(102); // it used 100 more before
    thread(101, "CPU 0/KVM", 600);
    times.update(800ns, kOneSocket);
    EXPECT_EQ(sum(times.by_component()), 800ns);
    EXPECT_EQ(of(times, Component::emulator), 100ns);
    EXPECT_EQ(of(times, Component::vcpu), 700ns);
}

TEST_F(FakeProcess, CountsANewThreadWithAUsedId) {
    thread(101, "worker", 900);
    thread(102, "CPU 0/KVM", 100);
    ThreadTimes times = open(0);
    times.update(1000ns, kOneSocket);
    thread(101, "worker", 50);
    times.update(1050ns, kOneSocket);
    EXPECT_EQ(of(times, Component::emulator), 950ns);
    EXPECT_EQ(of(times, Component::vcpu), 100ns);
}

TEST_F(FakeProcess, LearnsTheNameThatAThreadTakesLater) {
    thread(101, "qemu-system-x86", 10);
    ThreadTimes times = open();
    times.update(10ns, kOneSocket);
    thread(101, "CPU 0/KVM", 30);
    times.update(30ns, kOneSocket);
    EXPECT_EQ(of(times, Component::emulator), 10ns);
    EXPECT_EQ(of(times, Component::vcpu), 20ns);
}

TEST_F(FakeProcess, WithoutSchedstatIsReadInClockTicks) {
    for (const char* schedstat : {"0 0 0\n", "nonsense"}) {
        tree.file("100/task/100/schedstat", schedstat);
        thread(101, "CPU 0/KVM", 0);
        stat(101, "CPU 0/KVM", 3, 2);
        stat(kPid, "qemu", 1, 0);
        ThreadTimes times = open();
        times.update(4 * clock_tick(), kTwoSockets);
        EXPECT_EQ(of(times, Component::vcpu), 3 * clock_tick());
        EXPECT_THAT(times.by_socket(), ElementsAre(clock_tick(), 3 * clock_tick()));
    }
}

TEST_F(FakeProcess, WithFewDescriptorsSaysTheSame) {
    for (int tid = 101; tid < 120; ++tid) {
        thread(tid, "CPU 0/KVM", tid, static_cast<unsigned>(tid) % 4);
    }
    std::vector<std::vector<nanoseconds>> sockets;
    for (const std::size_t descriptors : {0U, 1U, 7U, 1000U}) {
        ThreadTimes times = open(descriptors);
        times.update(5000ns, kTwoSockets);
        times.update(6000ns, kTwoSockets);
        sockets.emplace_back(times.by_socket().begin(), times.by_socket().end());
        EXPECT_EQ(sum(sockets.back()), 6000ns);
        EXPECT_EQ(sockets.back(), sockets.front());
    }
}

std::size_t open_descriptors() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

TEST_F(FakeProcess, KeepsNoMoreDescriptorsThanItMay) {
    for (int round = 0; round < 3; ++round) { // ended threads give theirs back
        for (int tid = 101; tid < 130; ++tid) {
            thread(tid, "worker", 10 + round, 0);
        }
    }
    ThreadTimes times = open(10);
    const std::size_t before = open_descriptors();
    times.update(100ns, kTwoSockets);
    EXPECT_EQ(open_descriptors(), before + 10);
    for (int tid = 101; tid < 130; ++tid) {
        end(tid);
    }
    end(kPid);
    times.update(200ns, kTwoSockets);
    EXPECT_EQ(open_descriptors(), before);
    for (int tid = 201; tid < 230; ++tid) {
        thread(tid, "worker", 10, 0);
    }
    times.update(300ns, kTwoSockets);
    EXPECT_EQ(open_descriptors(), before + 10);
}

// A host of many VMs with many threads: the files of the shares go before.
TEST_F(FakeProcess, KeepsNoDescriptorWhileHalfOfThemAreTaken) {
    for (int tid = 101; tid < 130; ++tid) {
        thread(tid, "CPU 0/KVM", tid, 0);
    }
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const std::size_t taken = open_descriptors();
    const rlimit low{2 * (taken + 10), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    ThreadTimes times = open(100);
    times.update(100ns, kTwoSockets);
    EXPECT_LE(open_descriptors(), taken + 15) << "of 29 threads with two files each";
    EXPECT_EQ(sum(times.by_socket()), 100ns) << "they are looked at all the same";
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &before));
}

TEST_F(FakeProcess, SurvivesBrokenFiles) {
    thread(101, "CPU 0/KVM", 100);
    ThreadTimes times = open();
    times.update(100ns, kTwoSockets);
    tree.file("100/task/101/schedstat", "");
    tree.file("100/task/101/stat", "101 (CPU");
    tree.file("100/task/nonsense/schedstat", "1 1 1");
    tree.file("100/task/0/schedstat", "1 1 1");
    tree.folder("100/task/102");
    times.update(150ns, kTwoSockets);
    EXPECT_EQ(of(times, Component::vcpu), 150ns);
    thread(101, "CPU 0/KVM", 200, 3);
    times.update(200ns, kTwoSockets);
    EXPECT_EQ(sum(times.by_socket()), 200ns);
}

TEST_F(FakeProcess, ThatEndedHasItsLastTotalShared) {
    thread(101, "CPU 0/KVM", 75);
    thread(102, "worker", 25, 3);
    ThreadTimes times = open();
    times.update(100ns, kTwoSockets);
    std::filesystem::remove_all(tree.root() / "100");
    times.update(200ns, kTwoSockets);
    EXPECT_EQ(of(times, Component::vcpu), 150ns);
    EXPECT_THAT(times.by_socket(), ElementsAre(150ns, 50ns));
}

TEST_F(FakeProcess, WithAnotherStartIsAnotherProcess) {
    const auto times = ThreadTimes::open(tree.root(), kPid, 501, 10);
    ASSERT_FALSE(times);
    EXPECT_EQ(times.error().severity, Severity::gone);
    EXPECT_EQ(ThreadTimes::open(tree.root(), 999, 500, 10).error().severity, Severity::gone);
}

TEST_F(FakeProcess, OnAHostThatGetsASocketGoesOn) {
    thread(101, "CPU 0/KVM", 100, 3);
    ThreadTimes times = open();
    times.update(100ns, kOneSocket);
    thread(101, "CPU 0/KVM", 140, 3);
    times.update(140ns, kTwoSockets);
    EXPECT_THAT(times.by_socket(), ElementsAre(100ns, 40ns));
    times.update(140ns, kTwoSockets);
    EXPECT_THAT(times.by_socket(), ElementsAre(100ns, 40ns));
    times.update(150ns, kOneSocket);
    EXPECT_THAT(times.by_socket(), ElementsAre(150ns));
}

// A thread of this process that burns CPU time, on one CPU, under a name.
class BurningThread {
public:
    BurningThread(const char* name, int cpu)
        : thread_([this, name, cpu] {
              ::pthread_setname_np(::pthread_self(), name);
              cpu_set_t cpus;
              CPU_ZERO(&cpus);
              CPU_SET(static_cast<unsigned>(cpu), &cpus);
              ::sched_setaffinity(0, sizeof cpus, &cpus);
              timespec time{};
              while (!ends_) {
                  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
                  used_ = time.tv_sec * 1'000'000'000 + time.tv_nsec;
              }
          }) {}
    BurningThread(const BurningThread&) = delete;
    BurningThread& operator=(const BurningThread&) = delete;
    ~BurningThread() {
        ends_ = true;
        thread_.join();
    }
    void wait_for(nanoseconds used) const {
        while (nanoseconds(used_) < used) {
            std::this_thread::yield();
        }
    }

private:
    std::atomic<bool> ends_ = false;
    std::atomic<std::int64_t> used_ = 0;
    std::thread thread_;
};

class LiveThreads : public testing::Test {
protected:
    LiveThreads() : clock(*ProcessClock::open("/proc", ::getpid())) {}

    ProcessClock clock;
    ThreadTimes times = *ThreadTimes::open("/proc", ::getpid(), clock.stat().start_ticks, 100);
};

TEST_F(LiveThreads, AreSplitByNameAndAddUpToTheProcessClock) {
    times.update(*clock.read(), kOneSocket);
    const nanoseconds before = times.by_component()[index_of(Component::vcpu)];
    {
        const BurningThread vcpu("CPU 0/KVM", ::sched_getcpu());
        vcpu.wait_for(40ms);
        const nanoseconds total = *clock.read();
        times.update(total, kOneSocket);
        EXPECT_EQ(sum(times.by_component()), total);
        EXPECT_EQ(sum(times.by_socket()), total);
        EXPECT_GE(times.by_component()[index_of(Component::vcpu)] - before, 38ms);
        vcpu.wait_for(60ms);
    }
    const nanoseconds total = *clock.read();
    times.update(total, kOneSocket);
    EXPECT_EQ(sum(times.by_component()), total);
}

TEST_F(LiveThreads, AreSplitByTheSocketTheyRunOn) {
    cpu_set_t allowed;
    ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
    if (!CPU_ISSET(0, &allowed) || !CPU_ISSET(1, &allowed)) {
        GTEST_SKIP() << "needs CPUs 0 and 1";
    }
    const CpuTopology topology{{0, 1}, {1, 1}, {0, 1}};
    times.update(*clock.read(), topology);
    const std::vector<nanoseconds> before(times.by_socket().begin(), times.by_socket().end());
    const BurningThread zero("CPU 0/KVM", 0);
    zero.wait_for(80ms);
    times.update(*clock.read(), topology);
    EXPECT_GE(times.by_socket()[0] - before[0], 75ms);
    const BurningThread one("CPU 1/KVM", 1);
    one.wait_for(80ms);
    times.update(*clock.read(), topology);
    EXPECT_GE(times.by_socket()[1] - before[1], 75ms);
    EXPECT_EQ(sum(times.by_socket()), sum(times.by_component()));
}

TEST_F(LiveThreads, MayComeAndGoWhileTheyAreRead) {
    std::atomic<bool> ends = false;
    std::thread breeder([&ends] {
        while (!ends) {
            std::thread([] {}).join();
        }
    });
    nanoseconds last{0};
    for (int update = 0; update < 300; ++update) {
        const nanoseconds total = *clock.read();
        times.update(total, kTwoSockets);
        ASSERT_EQ(sum(times.by_component()), total);
        ASSERT_EQ(sum(times.by_socket()), total);
        ASSERT_GE(times.by_socket()[0], last);
        last = times.by_socket()[0];
    }
    ends = true;
    breeder.join();
}

} // namespace
} // namespace wattvisor
