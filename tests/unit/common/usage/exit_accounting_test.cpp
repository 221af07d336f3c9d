// SPDX-License-Identifier: Apache-2.0
// With processes that really end. The truth: what a process saw on its own clock at the end is a
// lower bound of the record (it asked, so the scheduler looked); wait4(2) is an upper one.
#include "common/usage/exit_accounting.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/unit/common/usage/ending_child.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <sched.h>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using test::burn;
using test::EndingChild;
using test::SeenTimes;
using testing::HasSubstr;

std::vector<EndedProcess> those_of(const std::vector<EndedProcess>& ended, pid_t pid) {
    std::vector<EndedProcess> found;
    for (const auto& process : ended) {
        if (process.pid == pid) {
            found.push_back(process);
        }
    }
    return found;
}

class ExitAccountingTest : public testing::Test {
protected:
    void SetUp() override {
        auto opened = ExitAccounting::open();
        if (!opened) {
            GTEST_SKIP() << "taskstats cannot be had here: " << opened.error().message();
        }
        accounting_.emplace(std::move(*opened));
    }

    // The one record of a child that has ended. `seen` <= its time <= `waited`.
    EndedProcess expect_one(EndingChild& child, std::chrono::nanoseconds waited) {
        const auto found = those_of(accounting_->drain(), child.pid());
        EXPECT_EQ(found.size(), 1U);
        if (found.size() != 1) {
            return {};
        }
        EXPECT_GE(found[0].cpu_time, child.seen().sum());
        EXPECT_LE(found[0].cpu_time, waited);
        EXPECT_EQ(found[0].parent, ::getpid());
        EXPECT_FALSE(found[0].kernel_thread);
        EXPECT_EQ(accounting_->lost(), 0U);
        return found[0];
    }

    std::optional<ExitAccounting> accounting_;
};

// So that the tests below are not skipped without anybody noticing. The numbers are those of the
// kernel's include/linux/proc_ns.h.
TEST(ExitAccounting, IsThereForWhoMayAdministrateTheHost) {
    std::array<char, 64> pid_namespace{};
    std::array<char, 64> user_namespace{};
    ASSERT_GT(::readlink("/proc/self/ns/pid", pid_namespace.data(), 63), 0);
    ASSERT_GT(::readlink("/proc/self/ns/user", user_namespace.data(), 63), 0);
    if (::geteuid() != 0 || ::prctl(PR_CAPBSET_READ, 12 /* CAP_NET_ADMIN */) != 1 ||
        std::string(pid_namespace.data()) != "pid:[4026531836]" ||
        std::string(user_namespace.data()) != "user:[4026531837]") {
        GTEST_SKIP() << "not the host's root";
    }
    const auto opened = ExitAccounting::open();
    EXPECT_TRUE(opened) << opened.error().message();
}

TEST_F(ExitAccountingTest, HasTheTimeOfAProcessOfOneThread) {
    EndingChild child([](SeenTimes& seen) { burn(seen.ns[0], 30ms); });
    const auto process = expect_one(child, child.wait());
    EXPECT_GE(process.age, 30ms);
}

TEST_F(ExitAccountingTest, HasTheTimeOfThreadsThatWereJoined) {
    EndingChild child([](SeenTimes& seen) {
        std::vector<std::thread> threads;
        for (std::size_t i = 1; i <= 8; ++i) {
            threads.emplace_back([&seen, i] { burn(seen.ns[i], 10ms); });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        burn(seen.ns[0], 1ms);
    });
    const auto waited = child.wait();
    EXPECT_GE(child.seen().sum(), 81ms);
    expect_one(child, waited);
}

// As QEMU ends: all threads at once, on all CPUs.
TEST_F(ExitAccountingTest, HasTheTimeOfAllThreadsOfAProcessThatWasKilled) {
    for (int round = 0; round < 20; ++round) {
        EndingChild child([](SeenTimes& seen) {
            for (std::size_t i = 1; i <= 8; ++i) {
                std::thread([&seen, i] { burn(seen.ns[i], 1h); }).detach();
            }
            burn(seen.ns[0], 1h);
        });
        for (const auto& one : child.seen().ns) {
            while (&one < &child.seen().ns[9] && one < 2'000'000) {
                ::sched_yield();
            }
        }
        ::kill(child.pid(), SIGKILL);
        const auto waited = child.wait();
        expect_one(child, waited);
    }
}

// The main thread ends, its process goes on: /proc/PID/stat shows a zombie, the record of the main
// thread is not the process' end.
TEST_F(ExitAccountingTest, WaitsForTheLastThreadWhereTheMainThreadEndsFirst) {
    EndingChild child([](SeenTimes& seen) {
        ::prctl(PR_SET_NAME, "main) R 1");
        static std::atomic<bool> go = false;
        std::thread([&seen] {
            ::prctl(PR_SET_NAME, "worker");
            while (!go) {
                ::sched_yield();
            }
            burn(seen.ns[1], 30ms);
            ::_exit(0);
        }).detach();
        burn(seen.ns[0], 5ms);
        go = true;
        ::syscall(SYS_exit, 0); // this thread; pthread_exit(3) would unwind into the test
    });
    const auto waited = child.wait();
    EXPECT_EQ(child.status(), 0);
    EXPECT_GE(child.seen().sum(), 35ms);
    const auto process = expect_one(child, waited);
    EXPECT_EQ(process.comm, "main) R 1");
}

// execve(2) in another thread ends the main thread, and takes over its pid.
TEST_F(ExitAccountingTest, GivesOneProcessWhereAThreadBecomesAnotherProgram) {
    EndingChild child([](SeenTimes& seen) {
        burn(seen.ns[0], 5ms);
        std::thread([&seen] {
            burn(seen.ns[1], 20ms);
            ::execl("/bin/sh", "sh", "-c", "exit 7", nullptr);
        }).join();
    });
    const auto waited = child.wait();
    EXPECT_EQ(WEXITSTATUS(child.status()), 7);
    const auto process = expect_one(child, waited);
    EXPECT_EQ(process.comm, "sh");
}

// Scaphandre loses what ended between two of its looks. None of these is ever seen in /proc by a
// meter that ticks once a second.
TEST_F(ExitAccountingTest, HasEachOfFiftyShortCommandsOfAShell) {
    constexpr int kCommands = 50;
    EndingChild shell([](SeenTimes&) {
        ::execl("/bin/sh", "sh", "-c",
                "i=0; while [ $i -lt 50 ]; do i=$((i+1)); "
                "sh -c 'j=0; while [ $j -lt 20000 ]; do j=$((j+1)); done; exit 0'; done",
                nullptr);
    });
    const auto waited = shell.wait();
    std::chrono::nanoseconds sum{0};
    int commands = 0;
    for (const auto& process : accounting_->drain()) {
        if (process.parent == shell.pid() || process.pid == shell.pid()) {
            commands += process.parent == shell.pid() ? 1 : 0;
            sum += process.cpu_time;
        }
    }
    timespec tick{}; // the coarse clock steps by one timer tick, 1/CONFIG_HZ
    ::clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
    EXPECT_EQ(commands, kCommands);
    EXPECT_LE(sum, waited);
    // Each lacks up to one tick and its ending, for which a millisecond is plenty.
    EXPECT_GE(sum, waited - (kCommands + 1) * (std::chrono::nanoseconds(tick.tv_nsec) + 1ms));
    EXPECT_EQ(accounting_->lost(), 0U);
    RecordProperty("waited_us", static_cast<int>(waited / 1us));
    RecordProperty("sum_us", static_cast<int>(sum / 1us));
}

TEST_F(ExitAccountingTest, NamesAProcessOfAContainerByItsPidOnTheHost) {
    EndingChild outside([](SeenTimes& seen) {
        if (::unshare(CLONE_NEWPID) == 0) {
            const pid_t inside = ::fork(); // its first process, pid 1 there
            if (inside == 0) {
                ::_exit(::getpid() == 1 ? 0 : 1);
            }
            ::waitpid(inside, nullptr, 0);
            seen.ns[0] = inside;
        }
    });
    outside.wait();
    const auto inside = static_cast<pid_t>(outside.seen().ns[0]);
    ASSERT_GT(inside, 1);
    const auto found = those_of(accounting_->drain(), inside);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].parent, outside.pid());
}

// A function of its own, and not a part of its callers: vfork() may clobber what they hold in
// registers.
[[gnu::noinline]] bool end_a_child() {
    const pid_t pid = ::vfork();
    if (pid == 0) {
        ::_exit(0);
    }
    return ::waitpid(pid, nullptr, 0) == pid;
}

int end_children(int count) {
    int ended = 0;
    for (int i = 0; i < count; ++i) {
        ended += end_a_child() ? 1 : 0;
    }
    return ended;
}

std::size_t children_among(const std::vector<EndedProcess>& ended) {
    std::size_t count = 0;
    for (const auto& process : ended) {
        count += process.parent == ::getpid() ? 1U : 0U;
    }
    return count;
}

TEST_F(ExitAccountingTest, LosesNothingInAStormOfFiveThousandEnds) {
    ASSERT_EQ(end_children(5000), 5000);
    EXPECT_EQ(children_among(accounting_->drain()), 5000U);
    EXPECT_EQ(accounting_->lost(), 0U);
    EXPECT_EQ(children_among(accounting_->drain()), 0U);
}

TEST_F(ExitAccountingTest, CountsWhatTheKernelHadNoRoomForAndGoesOn) {
    auto small = ExitAccounting::open({.receive_buffer = 64 << 10});
    ASSERT_TRUE(small);
    ASSERT_EQ(end_children(1000), 1000);
    const std::size_t found = children_among(small->drain());
    EXPECT_LT(found, 1000U);
    EXPECT_GE(found + small->lost(), 1000U) << "others' may be among the lost";
    const auto lost = small->lost();
    ASSERT_EQ(end_children(3), 3);
    EXPECT_EQ(children_among(small->drain()), 3U) << "room again";
    EXPECT_EQ(small->lost(), lost) << "counted once";
}

// In a child, since one cannot come back: what open() says after `enter`.
std::string message_of_open_after(const std::function<bool()>& enter) {
    std::array<int, 2> answer{};
    if (::pipe(answer.data()) != 0) {
        return "no pipe";
    }
    EndingChild child([&](SeenTimes&) {
        std::string text = "cannot enter";
        if (enter()) {
            const auto opened = ExitAccounting::open();
            text = opened ? "opened" : opened.error().message();
        }
        (void)!::write(answer[1], text.data(), text.size());
    });
    child.wait();
    ::close(answer[1]);
    std::array<char, 1024> text{};
    const ssize_t size = ::read(answer[0], text.data(), text.size());
    ::close(answer[0]);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

TEST_F(ExitAccountingTest, SaysWhatIsMissingToAnOrdinaryUser) {
    EXPECT_THAT(message_of_open_after([] { return ::setuid(65534) == 0; }),
                HasSubstr("CAP_NET_ADMIN"));
}

TEST_F(ExitAccountingTest, IsNotThereForTheRootOfAUserNamespace) {
    EXPECT_THAT(message_of_open_after([] { return ::unshare(CLONE_NEWUSER) == 0; }),
                HasSubstr("user namespace"));
}

// The kernel takes the registration, and sends the records to the initial network namespace.
TEST_F(ExitAccountingTest, NoticesThatRecordsGoToAnotherNetworkNamespace) {
    EXPECT_THAT(message_of_open_after([] { return ::unshare(CLONE_NEWNET) == 0; }),
                HasSubstr("network namespace"));
}

// Its /proc would have other pids than the records.
TEST_F(ExitAccountingTest, IsNotThereInAnotherPidNamespace) {
    const auto enter = [] {
        if (::unshare(CLONE_NEWPID) != 0) {
            return false;
        }
        const pid_t inside = ::fork(); // the first process in it
        if (inside > 0) {
            ::waitpid(inside, nullptr, 0);
            ::_exit(0);
        }
        return inside == 0;
    };
    EXPECT_THAT(message_of_open_after(enter), HasSubstr("pid namespace"));
}

TEST(ExitAccounting, SaysWhatItMissesBelowSys) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root";
    }
    const test::FakeTree tree;
    const auto opened = ExitAccounting::open({.sys_root = tree.root()});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().severity, Severity::fatal);
}

} // namespace
} // namespace wattvisor
