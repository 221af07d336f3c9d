// SPDX-License-Identifier: Apache-2.0
// Where the program may be loaded, and what is said where it may not.
#include "common/usage/bpf_cpu_time.hpp"
#include "common/usage/bpf_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <linux/capability.h>
#include <sched.h>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace wattvisor {
namespace {

// What the function returns, from a child process in which it may do to itself what it likes.
std::string told_by_child(const std::function<std::string()>& function) {
    int answers[2];
    EXPECT_EQ(::pipe(answers), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const std::string answer = function();
        ::_exit(::write(answers[1], answer.data(), answer.size()) < 0 ? 1 : 0);
    }
    ::close(answers[1]);
    std::string answer;
    std::array<char, 1024> part{};
    for (ssize_t n = 0; (n = ::read(answers[0], part.data(), part.size())) > 0;) {
        answer.append(part.data(), static_cast<std::size_t>(n));
    }
    ::close(answers[0]);
    ::waitpid(child, nullptr, 0);
    return answer;
}

std::string try_to_open() {
    const auto opened = BpfCpuTime::open(*read_topology("/sys"));
    return opened ? "opened" : opened.error().message();
}

TEST(BpfOpenWithoutBpf, SaysThatItWasBuiltWithout) {
    if (is_bpf_built_in()) {
        GTEST_SKIP() << "built with BPF";
    }
    EXPECT_THAT(try_to_open(), testing::HasSubstr("built without BPF"));
}

// Whether it must work here is asked in bpf_cpu_time_test.cpp.
class BpfOpen : public testing::Test {
protected:
    void SetUp() override {
        const std::string answer = try_to_open();
        if (answer != "opened") {
            GTEST_SKIP() << answer;
        }
    }
};

TEST_F(BpfOpen, NeedsTwoCapabilitiesAndNoMore) {
    const std::string answer = told_by_child([] {
        ::prctl(PR_SET_KEEPCAPS, 1);
        if (::setresuid(65534, 65534, 65534) != 0) {
            return std::string("cannot change user");
        }
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        std::array<__user_cap_data_struct, 2> sets{};
        sets[1].permitted = CAP_TO_MASK(CAP_BPF) | CAP_TO_MASK(CAP_PERFMON);
        sets[1].effective = sets[1].permitted;
        if (::syscall(SYS_capset, &header, sets.data()) != 0) {
            return std::string("cannot keep the capabilities");
        }
        auto opened = BpfCpuTime::open(*read_topology("/sys"));
        if (!opened) {
            return opened.error().message();
        }
        const auto read = (*opened)->read();
        return read && (*opened)->size() > 0 ? std::string("works") : std::string("reads nothing");
    });
    EXPECT_EQ(answer, "works");
}

TEST_F(BpfOpen, SaysWhichCapabilitiesAreMissing) {
    const std::string answer = told_by_child([] {
        return ::setresuid(65534, 65534, 65534) == 0 ? try_to_open() : "cannot change user";
    });
    EXPECT_THAT(answer, testing::HasSubstr("CAP_BPF and CAP_PERFMON"));
}

// In a container pid 12 is another process than the kernel's pid 12.
TEST_F(BpfOpen, RefusesToCountInAnotherPidNamespace) {
    const std::string answer = told_by_child([] {
        return ::unshare(CLONE_NEWPID) == 0 ? told_by_child(try_to_open) : "cannot unshare";
    });
    EXPECT_THAT(answer, testing::HasSubstr("pid namespace"));
}

TEST_F(BpfOpen, RefusesToCountInAnotherTimeNamespace) {
    const std::string answer = told_by_child([] {
        return ::unshare(CLONE_NEWTIME) == 0 ? told_by_child(try_to_open) : "time namespace";
    });
    EXPECT_THAT(answer, testing::HasSubstr("time namespace"));
}

} // namespace
} // namespace wattvisor
