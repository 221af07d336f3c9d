// SPDX-License-Identifier: Apache-2.0
#include "tests/accuracy/live_vm.hpp"

#include <csignal>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wattvisor::accuracy {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// By the time of day and not by the CPU clock; see the header.
void work_until(Clock::time_point until) {
    while (Clock::now() < until) {
    }
}

void stay_on(unsigned cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    ::sched_setaffinity(0, sizeof cpus, &cpus);
}

// Calls `step` with the moment at which it shall end its work, once per period.
template <typename Step>
[[noreturn]] void repeat(const LivePlan& plan, Step&& step) {
    for (auto begin = Clock::now();; begin = std::max(begin + plan.period, Clock::now())) {
        std::this_thread::sleep_until(begin);
        step(Clock::now() + plan.works);
    }
}

[[noreturn]] void work_in_threads(const LivePlan& plan, unsigned count) {
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < count; ++i) {
        threads.emplace_back([&plan] { repeat(plan, work_until); });
    }
    repeat(plan, work_until);
}

[[noreturn]] void churn_threads(const LivePlan& plan) {
    repeat(plan, [](Clock::time_point until) { std::thread(work_until, until).join(); });
}

[[noreturn]] void have_children(const LivePlan& plan) {
    repeat(plan, [](Clock::time_point until) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_NAME, "short-lived");
            work_until(until);
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
    });
}

[[noreturn]] void wander(const LivePlan& plan) {
    const unsigned cpus = std::max(1U, std::thread::hardware_concurrency());
    constexpr unsigned kPeriodsPerStay = 170;
    unsigned turn = 0;
    repeat(plan, [&](Clock::time_point until) {
        if (turn++ % kPeriodsPerStay == 0) {
            stay_on(turn / kPeriodsPerStay % cpus);
        }
        work_until(until);
    });
}

[[noreturn]] void work(const LivePlan& plan) {
    constexpr unsigned kMany = 50;
    constexpr unsigned kNoisy = 3;
    switch (plan.pattern) {
    case LivePattern::many_threads:
        work_in_threads(plan, kMany);
    case LivePattern::noisy:
        work_in_threads(plan, kNoisy);
    case LivePattern::thread_churn:
        churn_threads(plan);
    case LivePattern::short_lives:
        have_children(plan);
    case LivePattern::wanderer:
        wander(plan);
    case LivePattern::steady:
    case LivePattern::bursty:
        break;
    }
    work_in_threads(plan, 1);
}

KernelCount group_or_stop(const std::string& name, const CpuTopologyPtr& topology) {
    auto count = KernelCount::of_new_group(topology, name);
    if (!count) {
        throw StartError("cannot make a control group that counts CPU time: run this as root, with "
                         "cgroups mounted (cpuacct of version 1, where sockets matter)");
    }
    return std::move(*count);
}

} // namespace

LiveVm::LiveVm(LivePlan plan, const CpuTopologyPtr& topology)
    : plan_(std::move(plan)), count_(group_or_stop(plan_.name, topology)) {
    int ready[2];
    if (::pipe(ready) != 0) {
        throw StartError("no pipe");
    }
    pid_ = ::fork();
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::close(ready[0]);
        const char is_in = count_.enter() ? 'y' : 'n';
        if (plan_.cpu >= 0) {
            stay_on(static_cast<unsigned>(plan_.cpu));
        }
        if (::write(ready[1], &is_in, 1) != 1 || is_in != 'y') {
            ::_exit(1);
        }
        ::close(ready[1]);
        work(plan_);
    }
    ::close(ready[1]);
    char is_in = 'n';
    const bool told = ::read(ready[0], &is_in, 1) == 1;
    ::close(ready[0]);
    if (!told || is_in != 'y') {
        throw StartError("a process could not enter its control group");
    }
}

LiveVm::LiveVm(LiveVm&& other) noexcept
    : plan_(std::move(other.plan_)), count_(std::move(other.count_)),
      pid_(std::exchange(other.pid_, -1)) {}

LiveVm::~LiveVm() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        count_.kill_all();
    }
}

} // namespace wattvisor::accuracy
