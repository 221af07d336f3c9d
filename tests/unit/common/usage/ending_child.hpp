// SPDX-License-Identifier: Apache-2.0
// Child processes that end in a way that a test chose, and what is known of their CPU time: what
// they saw on their own clocks just before, and what wait4(2) says. They share memory with the
// test. Every wait is for an end or for memory to change, none is for a time.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <functional>
#include <new>
#include <pthread.h>
#include <sched.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace wattvisor::test {

// What each thread of the child saw last on its own clock.
struct SeenTimes {
    std::array<std::atomic<std::int64_t>, 16> ns{};

    [[nodiscard]] std::chrono::nanoseconds sum() const {
        std::int64_t all = 0;
        for (const auto& one : ns) {
            all += one;
        }
        return std::chrono::nanoseconds(all);
    }
};

inline std::int64_t thread_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Runs until this thread has used so much, and leaves what it saw in `seen`.
inline void burn(std::atomic<std::int64_t>& seen, std::chrono::nanoseconds until) {
    while (seen < until.count()) {
        seen = thread_ns();
    }
}

inline std::chrono::nanoseconds time_of(const rusage& usage) {
    const auto of = [](const timeval& time) {
        return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
    };
    // Both parts are cut to microseconds; what was cut off is put back, so that this is never less.
    return of(usage.ru_utime) + of(usage.ru_stime) + std::chrono::microseconds(2);
}

class EndingChild {
public:
    using Life = std::function<void(SeenTimes&)>;

    explicit EndingChild(const Life& life) {
        void* memory = ::mmap(nullptr, sizeof(SeenTimes), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            throw std::runtime_error("no shared memory");
        }
        seen_ = new (memory) SeenTimes;
        pid_ = ::fork();
        if (pid_ == 0) {
            life(*seen_);
            ::_exit(0);
        }
    }
    EndingChild(const EndingChild&) = delete;
    EndingChild& operator=(const EndingChild&) = delete;
    ~EndingChild() {
        if (!waited_) {
            ::kill(pid_, SIGKILL);
            wait();
        }
        ::munmap(seen_, sizeof(SeenTimes));
    }

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] SeenTimes& seen() { return *seen_; }

    // Its whole CPU time as wait4(2) has it, with that of children that it waited for.
    std::chrono::nanoseconds wait() {
        rusage usage{};
        ::wait4(pid_, &status_, 0, &usage);
        waited_ = true;
        return time_of(usage);
    }
    [[nodiscard]] int status() const { return status_; }

private:
    SeenTimes* seen_ = nullptr;
    pid_t pid_ = -1;
    int status_ = 0;
    bool waited_ = false;
};

} // namespace wattvisor::test
