// SPDX-License-Identifier: Apache-2.0
// With the program in the running kernel, and real processes. Skipped where it may not be loaded.
// What needs no kernel is in bpf_table_test.cpp.
#include "common/base/text_file.hpp"
#include "common/usage/bpf_cpu_time.hpp"
#include "common/usage/bpf_program.hpp"
#include "common/usage/process_clock.hpp"
#include "tests/unit/common/usage/live_child.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <linux/capability.h>
#include <map>
#include <memory>
#include <sched.h>
#include <sstream>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wattvisor {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

nanoseconds clock_now(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}
nanoseconds now() {
    return clock_now(CLOCK_MONOTONIC);
}
nanoseconds own_time() {
    return clock_now(CLOCK_PROCESS_CPUTIME_ID);
}
void burn(nanoseconds duration) {
    for (const nanoseconds until = own_time() + duration; own_time() < until;) {
    }
}

void pin(unsigned cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    ::sched_setaffinity(0, sizeof cpus, &cpus);
}

std::vector<unsigned> allowed_cpus() {
    cpu_set_t allowed;
    ::sched_getaffinity(0, sizeof allowed, &allowed);
    std::vector<unsigned> cpus;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &allowed)) {
            cpus.push_back(cpu);
        }
    }
    return cpus;
}

CpuTopology topology() {
    return *read_topology("/sys");
}

// A process that computes on one CPU from its birth to its end. With real-time priority, if that is
// allowed, so that nothing else gets the CPU.
class Spinner {
public:
    explicit Spinner(unsigned cpu) {
        shared_ = static_cast<std::atomic<std::int64_t>*>(::mmap(
            nullptr, sizeof *shared_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::prctl(PR_SET_NAME, "wv-spinner");
            pin(cpu);
            const sched_param first{.sched_priority = 1};
            ::sched_setscheduler(0, SCHED_FIFO, &first);
            while (true) {
                shared_->store(own_time().count());
            }
        }
    }
    Spinner(const Spinner&) = delete;
    Spinner& operator=(const Spinner&) = delete;
    ~Spinner() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        ::munmap(shared_, sizeof *shared_);
    }

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] nanoseconds clock() const { return nanoseconds(shared_->load()); }
    void wait_for(nanoseconds used) const {
        while (clock() < used) {
        }
    }
    [[nodiscard]] std::string switches() const {
        const auto status = read_text("/proc/" + std::to_string(pid_) + "/status");
        return status->substr(status->find("voluntary_ctxt_switches"));
    }

private:
    std::atomic<std::int64_t>* shared_;
    pid_t pid_;
};

std::uint64_t start_ticks(pid_t pid) {
    const auto stat = read_pid_stat("/proc/" + std::to_string(pid));
    return stat ? stat->start_ticks : 0;
}

// Centiseconds that the hypervisor above took from our CPUs: the process' own clock is without
// them, CLOCK_MONOTONIC is not.
std::string stolen() {
    std::istringstream line(*read_text("/proc/stat"));
    std::string word;
    for (int column = 0; column <= 8; ++column) {
        line >> word;
    }
    return word;
}

// Some sandboxes do not show the switches of a process of theirs: a test's slice may end as
// nobody's.
nanoseconds unclaimed(const BpfCpuTime& times) {
    return total_of(times.unclaimed());
}

bool has_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> sets{};
    ::syscall(SYS_capget, &header, sets.data());
    return (sets[1].effective & CAP_TO_MASK(CAP_BPF)) != 0 &&
           (sets[1].effective & CAP_TO_MASK(CAP_PERFMON)) != 0;
}

class LiveBpf : public testing::Test {
protected:
    void SetUp() override {
        if (!is_bpf_built_in()) {
            GTEST_SKIP() << "built without BPF";
        }
        auto opened = BpfCpuTime::open(topology());
        if (opened) {
            times = std::move(*opened);
            return;
        }
        const std::string why = opened.error().message();
        const bool must_work = has_capabilities() &&
                               ::access("/sys/kernel/btf/vmlinux", R_OK) == 0 &&
                               why.find("namespace") == std::string::npos;
        ASSERT_FALSE(must_work) << why;
        GTEST_SKIP() << why;
    }

    std::unique_ptr<BpfCpuTime> times;
};

// A reading of a process' time, between two looks at the clocks that must agree with it.
struct Bracketed {
    nanoseconds earliest, least; // CLOCK_MONOTONIC; the process' own clock
    nanoseconds time;
    nanoseconds most, latest;
};

Bracketed read_bracketed(BpfCpuTime& times, const Spinner& spinner) {
    Bracketed reading{};
    const std::uint64_t start = start_ticks(spinner.pid());
    reading.earliest = now();
    reading.least = spinner.clock();
    const bool read = times.read().has_value();
    const BpfProcessTime* process = read ? times.find(spinner.pid(), start) : nullptr;
    // Not found is not wrong where it had no CPU since the program was loaded.
    reading.time = process == nullptr ? -1h : total_of(process->cpu_time);
    reading.most = spinner.clock();
    reading.latest = now();
    return reading;
}

// /proc/schedstat stands still while one thread keeps a CPU. This one kept it since before the
// program was loaded, so that no switch ever told of it.
TEST_F(LiveBpf, CountsToTheNanosecondWhileAProcessKeepsItsCpu) {
    const Spinner spinner(allowed_cpus().back());
    bool kept = false;
    for (int attempt = 0; attempt < 20 && !kept; ++attempt) {
        spinner.wait_for(spinner.clock() + 5ms);
        const std::string switches = spinner.switches();
        const std::string stolen_before = stolen();
        times = *BpfCpuTime::open(topology());
        const Bracketed first = read_bracketed(*times, spinner);
        spinner.wait_for(first.most + 100ms);
        const Bracketed second = read_bracketed(*times, spinner);
        kept = spinner.switches() == switches;
        if (!kept) {
            continue;
        }
        ASSERT_GE(first.time.count(), 0) << "it was not found";
        const nanoseconds used = second.time - first.time;
        EXPECT_GE(used.count(), (second.earliest - first.latest).count());
        EXPECT_LE(used.count(), (second.latest - first.earliest).count());
        if (stolen() == stolen_before) { // up to 10 ms may be stolen unseen
            EXPECT_GE(used.count(), (second.least - first.most).count() / 100 * 99);
            EXPECT_LE(used.count(), (second.most - first.least + 10ms).count() / 100 * 101);
        }
        EXPECT_EQ(times->find(spinner.pid(), start_ticks(spinner.pid()))->comm, "wv-spinner");
    }
    if (!kept) {
        GTEST_SKIP() << "this machine never left the CPU to one process";
    }
}

TEST_F(LiveBpf, KnowsABriefProcessByNameAfterItEndedAndThenForgetsIt) {
    ASSERT_TRUE(times->read());
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_NAME, "wv brief) 1");
        burn(30ms);
        ::_exit(0);
    }
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
    const std::uint64_t started = start_ticks(child);
    ::waitpid(child, nullptr, 0);

    ASSERT_TRUE(times->read());
    const BpfProcessTime* process = times->find(child, started);
    ASSERT_NE(process, nullptr);
    EXPECT_EQ(process->comm, "wv brief) 1");
    EXPECT_EQ(process->parent, ::getpid());
    EXPECT_FALSE(process->is_kernel_thread);
    EXPECT_GE(total_of(process->cpu_time) + unclaimed(*times), 29ms);
    nanoseconds used = total_of(process->cpu_time);

    bool ended = process->ended;
    for (const nanoseconds deadline = now() + 60s; now() < deadline;) {
        ASSERT_TRUE(times->read());
        process = times->find(child, started);
        if (process == nullptr) {
            break;
        }
        // It may be collected before it has run its very last instructions.
        ended = process->ended;
        EXPECT_GE(total_of(process->cpu_time), used);
        used = total_of(process->cpu_time);
    }
    EXPECT_TRUE(ended);
    EXPECT_EQ(process, nullptr);
}

// All that was used by anybody, those who ended within the test included, is the busy time; and
// nobody's time ever goes back.
TEST_F(LiveBpf, AddsUpToTheBusyTimeAndNeverGoesBack) {
    const pid_t storm = ::fork();
    if (storm == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (true) {
            const pid_t child = ::fork();
            if (child == 0) {
                burn(200us);
                ::_exit(0);
            }
            ::waitpid(child, nullptr, 0);
        }
    }
    const Spinner spinner(allowed_cpus().back());
    const nanoseconds began = now();
    std::map<std::pair<pid_t, std::uint64_t>, nanoseconds> all;
    nanoseconds busy_before = 0ns;
    nanoseconds nobodys = 0ns;
    nanoseconds last_reading = began;
    for (int reading = 0; reading < 300 || (all.size() <= 100 && now() < began + 60s); ++reading) {
        const nanoseconds until = spinner.clock() + 500us;
        ASSERT_TRUE(times->read());
        times->for_each([&](const BpfProcessTime& process) {
            nanoseconds& last = all[{process.pid, process.start_ns}];
            ASSERT_GE(total_of(process.cpu_time), last) << process.comm;
            last = total_of(process.cpu_time);
        });
        ASSERT_GE(total_of(times->busy()), busy_before);
        busy_before = total_of(times->busy());
        nobodys = unclaimed(*times);
        last_reading = now();
        spinner.wait_for(until);
    }
    const nanoseconds elapsed = last_reading - began;
    ::kill(storm, SIGKILL);
    ::waitpid(storm, nullptr, 0);
    nanoseconds sum = 0ns;
    for (const auto& [id, used] : all) {
        sum += used;
    }
    EXPECT_GT(all.size(), 100U);
    EXPECT_LT(times->size(), all.size()) << "ended processes stay";
    EXPECT_EQ(times->lost(), 0U);
    EXPECT_EQ((sum + nobodys).count(), busy_before.count());
    EXPECT_LE(nobodys.count(), busy_before.count() / 10);
    EXPECT_GE(busy_before.count(), elapsed.count() / 100 * 95) << "one CPU was busy all the time";

    // Counted per CPU it is the same, once no reading is interrupted.
    nanoseconds difference = 1h;
    for (int reading = 0; reading < 500 && difference > busy_before / 200; ++reading) {
        ASSERT_TRUE(times->read());
        difference = std::chrono::abs(total_of(times->busy_of_cpus()) - total_of(times->busy()));
    }
    EXPECT_LE(difference.count(), busy_before.count() / 200);
}

// The pair of pid and start time must be the one that /proc shows: everything else is found by it.
TEST_F(LiveBpf, ShowsEveryLiveProcessAsProcDoes) {
    ASSERT_TRUE(times->read());
    int compared = 0;
    int kernel_threads = 0;
    times->for_each([&](const BpfProcessTime& process) {
        const auto stat = read_pid_stat("/proc/" + std::to_string(process.pid));
        if (stat && !process.ended) {
            ++compared;
            EXPECT_EQ(stat->start_ticks, process.start_ticks) << process.comm;
            EXPECT_EQ(stat->is_kernel_thread(), process.is_kernel_thread) << process.comm;
            kernel_threads += process.is_kernel_thread ? 1 : 0;
        }
    });
    EXPECT_NE(times->find(::getpid(), start_ticks(::getpid())), nullptr);
    EXPECT_GE(compared, 1);
    EXPECT_EQ(times->find(0, 0), nullptr) << "idle is no process";
}

TEST_F(LiveBpf, FollowsANameThroughExec) {
    test::LiveChild child;
    child.burn();
    child.become_cat();
    ASSERT_TRUE(times->read());
    const BpfProcessTime* process = times->find(child.pid(), start_ticks(child.pid()));
    ASSERT_NE(process, nullptr);
    EXPECT_EQ(process->comm, "cat");
    EXPECT_GE(total_of(process->cpu_time) + unclaimed(*times), 79ms);
}

// All energy put on socket 0 (Scaphandre, PowerJoular).
TEST_F(LiveBpf, PutsTimeOnTheSocketWhereItWasSpent) {
    const std::vector<unsigned> cpus = allowed_cpus();
    if (cpus.size() < 2) {
        GTEST_SKIP() << "one CPU has no other socket";
    }
    CpuTopology pretended{{0, 1}, {1, 1}, std::vector<std::size_t>(cpus.back() + 1, 0)};
    pretended.socket_of_cpu[cpus[1]] = 1;
    for (std::size_t i = 2; i < cpus.size(); ++i) {
        pretended.socket_of_cpu[cpus[i]] = 1;
    }
    auto split = *BpfCpuTime::open(pretended);
    // A kernel may not show a switch; the program says so, and another child may be luckier.
    for (int attempt = 0; attempt < 20; ++attempt) {
        const pid_t child = ::fork();
        if (child == 0) {
            pin(cpus[0]);
            burn(20ms);
            pin(cpus[1]);
            burn(50ms);
            ::_exit(0);
        }
        siginfo_t info{};
        ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
        ASSERT_TRUE(split->read());
        const BpfProcessTime* process = split->find(child, start_ticks(child));
        ::waitpid(child, nullptr, 0);
        ASSERT_NE(process, nullptr);
        if (process->slices.missed != MissedSlices{0, 0}) {
            continue;
        }
        EXPECT_GE(process->cpu_time[0] + split->unclaimed()[0], 19ms);
        EXPECT_GE(process->cpu_time[1] + split->unclaimed()[1], 49ms);
        EXPECT_GE(split->busy()[0], process->cpu_time[0]);
        EXPECT_GE(split->busy()[1], process->cpu_time[1]);
        return;
    }
    FAIL() << "of none of 20 children all switches were shown";
}

// Time that finds no room is not lost, it is nobody's.
TEST_F(LiveBpf, CountsWhatFindsNoRoomAsBusyOnly) {
    auto small = *BpfCpuTime::open(single_socket(1), 1);
    std::vector<std::unique_ptr<test::LiveChild>> children(32);
    for (auto& child : children) {
        child = std::make_unique<test::LiveChild>();
    }
    const nanoseconds used = children[0]->burn() + children[31]->burn();
    ASSERT_TRUE(small->read());
    EXPECT_GT(small->lost(), 0U);
    EXPECT_LT(small->size(), 30U);
    EXPECT_GE(total_of(small->busy()).count(), used.count() / 100 * 99);
    while (!children.empty()) {
        children.pop_back(); // the last first: it holds the pipes of all before it
    }
}

} // namespace
} // namespace wattvisor
