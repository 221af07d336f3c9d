// SPDX-License-Identifier: Apache-2.0
// A child process that does as it is told: burns CPU time and says how much, becomes another
// program, ends. Every wait is for its answer on a pipe, none is for a time.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace wattvisor::test {

class LiveChild {
public:
    LiveChild() {
        int orders[2];
        int answers[2];
        if (::pipe2(orders, O_CLOEXEC) != 0 || ::pipe2(answers, O_CLOEXEC) != 0) {
            throw std::runtime_error("no pipes");
        }
        pid_ = ::fork();
        if (pid_ == 0) {
            ::close(orders[1]);
            ::close(answers[0]);
            obey(orders[0], answers[1]);
        }
        ::close(orders[0]);
        ::close(answers[1]);
        orders_ = orders[1];
        answers_ = answers[0];
    }
    LiveChild(const LiveChild&) = delete;
    LiveChild& operator=(const LiveChild&) = delete;
    ~LiveChild() {
        end();
        ::close(answers_);
    }

    [[nodiscard]] pid_t pid() const { return pid_; }

    // Burns CPU time for a while. Returns what getrusage(2) says that it has used in all.
    std::chrono::nanoseconds burn() {
        order('b');
        std::int64_t used = 0;
        if (::read(answers_, &used, sizeof used) != sizeof used) {
            throw std::runtime_error("the child did not answer");
        }
        return std::chrono::nanoseconds(used);
    }

    // Turns into `cat`, which waits as well. The pipe of answers closes when that has happened.
    void become_cat() {
        order('x');
        char nothing = 0;
        if (::read(answers_, &nothing, 1) != 0) {
            throw std::runtime_error("the child did not turn into cat");
        }
    }

    // Waits until it has ended; it stays a zombie until end().
    void die() {
        ::close(orders_);
        orders_ = -1;
        siginfo_t info{};
        ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
    }

    void end() {
        if (pid_ > 0) {
            if (orders_ >= 0) {
                ::close(orders_);
            }
            ::waitpid(pid_, nullptr, 0);
            pid_ = -1;
        }
    }

private:
    static std::int64_t used_ns() {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        const auto ns = [](const timeval& time) {
            return std::int64_t{time.tv_sec} * 1'000'000'000 + std::int64_t{time.tv_usec} * 1'000;
        };
        return ns(usage.ru_utime) + ns(usage.ru_stime);
    }

    [[noreturn]] static void obey(int orders, int answers) {
        char order = 0;
        while (::read(orders, &order, 1) == 1) {
            if (order == 'x') {
                ::dup2(orders, STDIN_FILENO);
                ::execlp("cat", "cat", "-", nullptr);
                ::_exit(127);
            }
            constexpr std::int64_t kWhile = 80'000'000;
            std::int64_t used = used_ns();
            for (const std::int64_t until = used + kWhile; used < until; used = used_ns()) {
            }
            if (::write(answers, &used, sizeof used) != sizeof used) {
                ::_exit(1);
            }
        }
        ::_exit(0);
    }

    void order(char what) const {
        if (::write(orders_, &what, 1) != 1) {
            throw std::runtime_error("the child does not listen");
        }
    }

    pid_t pid_ = -1;
    int orders_ = -1;
    int answers_ = -1;
};

} // namespace wattvisor::test
