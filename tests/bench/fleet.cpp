// SPDX-License-Identifier: Apache-2.0
// wattvisor-bench-fleet: many processes that look like QEMU's (threads, command line) and use a
// little CPU time regularly, so that a meter has something to find and to charge. Writes one pid
// file per process, as libvirt does, says "ready" and ends, with all of its processes, when its
// standard input does. Measures nothing.
//
// wattvisor-bench-fleet COUNT THREADS BUSY_US_PER_SECOND PREFIX FOLDER PROGRAM (a copy of this one,
// named as the processes are to be named)
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <string>
#include <sys/prctl.h>
#include <unistd.h>
#include <vector>

namespace {

using std::chrono::nanoseconds;

constexpr const char* kMember = "WATTVISOR_BENCH_MEMBER";
// Four times a second, so that no tick of 1 s finds a process that has not run; but not more than
// 4,000 times a second together: most of ten thousand processes sleep longer.
constexpr unsigned kShortestPeriodMs = 250;
constexpr unsigned kWakesPerMs = 4;
constexpr nanoseconds kSecond = std::chrono::seconds(1);
constexpr std::size_t kSmallStack = 64UL * 1024;

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::_Exit(EXIT_FAILURE);
}

nanoseconds clock_of(clockid_t id) {
    timespec time{};
    ::clock_gettime(id, &time);
    return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

void sleep(nanoseconds time) {
    const timespec pause{time / kSecond, (time % kSecond).count()};
    ::nanosleep(&pause, nullptr);
}

void* sleep_for_ever(void* /*unused*/) {
    while (true) {
        ::pause();
    }
}

// A fixed part of each period, at a place of it that is the process' own: they do not all run at
// once.
[[noreturn]] void use_cpu(nanoseconds busy_per_second, nanoseconds period, unsigned number) {
    const nanoseconds busy_per_period = busy_per_second * period.count() / kSecond.count();
    sleep(number * nanoseconds(7'919'000) % period);
    while (true) {
        const nanoseconds until = clock_of(CLOCK_THREAD_CPUTIME_ID) + busy_per_period;
        while (clock_of(CLOCK_THREAD_CPUTIME_ID) < until) {
        }
        sleep(period);
    }
}

// One of the processes: told by its environment, since its arguments are QEMU's.
[[noreturn]] void be_member(const char* told) {
    unsigned threads = 1;
    unsigned number = 0;
    long busy_us = 0;
    unsigned period_ms = 0;
    if (std::sscanf(told, "%u %ld %u %u", &threads, &busy_us, &period_ms, &number) !=
        4) { // NOLINT(cert-err34-c)
        std::_Exit(EXIT_FAILURE);
    }
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kSmallStack);
    for (unsigned i = 1; i < threads; ++i) {
        pthread_t thread{};
        if (pthread_create(&thread, &attributes, sleep_for_ever, nullptr) != 0) {
            fail("pthread_create");
        }
        pthread_setname_np(thread, ("CPU " + std::to_string(i - 1) + "/KVM").c_str());
    }
    ::close(STDOUT_FILENO); // that is how the fleet knows that all threads are there
    use_cpu(std::chrono::microseconds(busy_us), std::chrono::milliseconds(period_ms), number);
}

struct Plan {
    unsigned count;
    std::string told; // threads, load and period
    std::string prefix;
    std::string folder;
    std::string
        program; // of the members: argv[0] is what a process is called, /proc/PID/exe what it is
};

pid_t start_member(const Plan& plan, unsigned number) {
    const std::string name = plan.prefix + std::to_string(number);
    std::array<std::string, 9> arguments{plan.program,
                                         "-name",
                                         "guest=" + name + ",debug-threads=on",
                                         "-machine",
                                         "pc-q35-7.2,usb=off,dump-guest-core=off",
                                         "-m",
                                         "size=4194304k",
                                         "-smp",
                                         "2,sockets=2,cores=1,threads=1"};
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) {
        argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    std::string environment = std::string(kMember) + "=" + plan.told + " " + std::to_string(number);
    std::array<char*, 2> envp{environment.data(), nullptr};
    pid_t pid = 0;
    if (::posix_spawn(&pid, plan.program.c_str(), nullptr, nullptr, argv.data(), envp.data()) !=
        0) {
        fail("posix_spawn");
    }
    const std::string path = plan.folder + "/" + name + ".pid";
    std::FILE* file = std::fopen(path.c_str(), "we");
    if (file == nullptr || std::fprintf(file, "%d\n", pid) < 0 || std::fclose(file) != 0) {
        fail(path.c_str());
    }
    return pid;
}

// The members hold the writing end until they are ready.
std::vector<pid_t> start_members(const Plan& plan) {
    std::array<int, 2> ready{};
    const int output = ::dup(STDOUT_FILENO);
    if (::pipe(ready.data()) != 0 || ::dup2(ready[1], STDOUT_FILENO) < 0) {
        fail("pipe");
    }
    ::close(ready[1]);
    ::fcntl(output, F_SETFD, FD_CLOEXEC);
    ::fcntl(ready[0], F_SETFD, FD_CLOEXEC);
    std::vector<pid_t> pids;
    for (unsigned number = 0; number < plan.count; ++number) {
        pids.push_back(start_member(plan, number));
    }
    ::dup2(output, STDOUT_FILENO);
    char nothing = 0;
    while (::read(ready[0], &nothing, 1) > 0) {
    }
    return pids;
}

} // namespace

int main(int argc, char** argv) {
    if (const char* told = std::getenv(kMember)) {
        // A fleet that was killed takes its processes with it.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        be_member(told);
    }
    if (argc != 7) {
        std::fprintf(stderr, "usage: %s COUNT THREADS BUSY_US_PER_SECOND PREFIX FOLDER PROGRAM\n",
                     argv[0]);
        return EXIT_FAILURE;
    }
    const auto count = static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10));
    const unsigned period_ms = std::max(kShortestPeriodMs, count / kWakesPerMs);
    const Plan plan{count, std::string(argv[2]) + " " + argv[3] + " " + std::to_string(period_ms),
                    argv[4], argv[5], argv[6]};
    const std::vector<pid_t> pids = start_members(plan);
    std::puts("ready");
    std::fflush(stdout);
    char nothing = 0;
    while (::read(STDIN_FILENO, &nothing, 1) > 0) {
    }
    for (const pid_t pid : pids) {
        ::kill(pid, SIGKILL);
    }
    return EXIT_SUCCESS;
}
