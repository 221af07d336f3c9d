// SPDX-License-Identifier: Apache-2.0
// The program as libvirt runs it: its exit code, its silence and its patience.
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace wattvisor::hook {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Outcome {
    int status = -1;
    std::string out;
    std::string err;
    std::chrono::steady_clock::duration took{};
};

void redirect(const std::filesystem::path& path, int flags, int fd) {
    ::dup2(::open(path.c_str(), flags, 0600), fd);
}

// Standard input is a file, or a pipe that never ends.
Outcome run_program(std::vector<std::string> arguments, const std::string& input,
                    bool ends = true) {
    const test::FakeTree tree;
    const auto in = tree.file("in", input);
    const auto out = tree.file("out", "");
    const auto err = tree.file("err", "");
    arguments.insert(arguments.begin(), WATTVISOR_HOOK);
    std::vector<char*> argv;
    for (std::string& argument : arguments) {
        argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    int ends_of_pipe[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends_of_pipe, O_CLOEXEC), 0);
    const auto start = std::chrono::steady_clock::now();
    const pid_t child = ::fork();
    if (child == 0) {
        ends ? redirect(in, O_RDONLY, 0) : static_cast<void>(::dup2(ends_of_pipe[0], 0));
        redirect(out, O_WRONLY, 1);
        redirect(err, O_WRONLY, 2);
        ::execv(WATTVISOR_HOOK, argv.data());
        ::_exit(127);
    }
    Outcome outcome;
    ::waitpid(child, &outcome.status, 0);
    outcome.took = std::chrono::steady_clock::now() - start;
    ::close(ends_of_pipe[0]);
    ::close(ends_of_pipe[1]);
    outcome.out = tree.read("out");
    outcome.err = tree.read("err");
    return outcome;
}

TEST(HookProgram, NeverFailsAndSaysNothingOnStandardOutput) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> calls{
        {{"vm", "prepare", "begin", "-"}, ""},
        {{"vm", "prepare", "begin", "-"}, "<domain"},
        {{"vm", "release", "end", "-"}, std::string(5U << 20U, 'x')},
        {{"vm", "migrate", "begin", "-"}, "<domain/>"},
        {{"--help", "start", "begin", "-"}, "<domain/>"},
        {{"--frob", "vm", "prepare", "begin", "-"}, "<domain/>"},
        {{}, ""}};
    for (const auto& [arguments, input] : calls) {
        const Outcome outcome = run_program(arguments, input);
        EXPECT_EQ(outcome.status, 0);
        EXPECT_THAT(outcome.out, IsEmpty());
    }
}

TEST(HookProgram, TellsAProblemInOneLine) {
    const Outcome outcome = run_program({"vm", "prepare", "begin", "-"}, "<domain");
    EXPECT_THAT(outcome.err, HasSubstr("wattvisor-hook: cannot read the XML of VM vm"));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
}

TEST(HookProgram, DoesNotWaitForAnInputThatNeverEnds) {
    const Outcome outcome = run_program({"vm", "prepare", "begin", "-"}, "", false);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_LT(outcome.took, 4s); // 1.5 s, and a slow machine
    EXPECT_THAT(outcome.err, HasSubstr("in time"));
}

TEST(HookProgram, DoesNotReadForOtherOperations) {
    const Outcome outcome = run_program({"vm", "started", "begin", "-"}, "", false);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.err, IsEmpty());
    EXPECT_LT(outcome.took, 1400ms);
}

TEST(HookProgram, HelpsAPerson) {
    const Outcome outcome = run_program({"--help"}, "");
    EXPECT_THAT(outcome.out, HasSubstr("/etc/libvirt/hooks/qemu.d/wattvisor"));
    EXPECT_THAT(run_program({"--version"}, "").out, HasSubstr("wattvisor-hook "));
}

} // namespace
} // namespace wattvisor::hook
