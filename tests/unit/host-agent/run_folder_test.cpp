// SPDX-License-Identifier: Apache-2.0
#include "common/base/error.hpp"
#include "host-agent/run_folder.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace wattvisor::host {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using wattvisor::test::FakeTree;

namespace fs = std::filesystem;

std::string mistake_of(const fs::path& folder) {
    try {
        static_cast<void>(lock_run_folder(folder));
    } catch (const StartError& error) {
        EXPECT_EQ(error.exit_code(), kExitFailure);
        return error.what();
    }
    return "";
}

mode_t mode_of(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777U;
}

class RunFolder : public testing::Test {
protected:
    FakeTree tree;
};

// Ledgers and shares of all VMs are in it: other users have no business there.
TEST_F(RunFolder, IsMadeForRootAlone) {
    for (const char* name : {"run", "a/b/run", "slash/"}) {
        const FileDescriptor lock = lock_run_folder(tree.root() / name);
        EXPECT_TRUE(lock);
        EXPECT_EQ(mode_of(tree.root() / name) & 0027U, 0U) << name;
    }
}

TEST_F(RunFolder, IsTakenAsItIsWhereItExists) {
    const fs::path folder = tree.folder("run");
    ASSERT_EQ(::chmod(folder.c_str(), 0711), 0);
    EXPECT_TRUE(lock_run_folder(folder));
    EXPECT_EQ(mode_of(folder), 0711U);
}

TEST_F(RunFolder, HoldsThePidOfWhoLockedIt) {
    tree.file("run/agent.lock", "123456789012345\nand more of an older run\n");
    const FileDescriptor lock = lock_run_folder(tree.root() / "run");
    EXPECT_EQ(tree.read("run/agent.lock"), std::to_string(::getpid()) + "\n");
}

// Two agents on the same shares would each write their own totals: they would jump back and forth.
TEST_F(RunFolder, IsLockedForOneAgentAndSaysWhichOne) {
    const fs::path folder = tree.root() / "run";
    {
        const FileDescriptor lock = lock_run_folder(folder);
        EXPECT_THAT(mistake_of(folder),
                    AllOf(HasSubstr("another wattvisor-host (pid " + std::to_string(::getpid()) +
                                    ") publishes shares already"),
                          HasSubstr("wattvisor-host prometheus")));
        EXPECT_EQ(tree.read("run/agent.lock"), std::to_string(::getpid()) + "\n");
    }
    EXPECT_EQ(mistake_of(folder), "") << "free again";
}

TEST_F(RunFolder, IsFreeAgainWhenItsAgentWasKilled) {
    const fs::path folder = tree.root() / "run";
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t other = ::fork();
    if (other == 0) {
        const FileDescriptor lock = lock_run_folder(folder);
        if (::write(ready[1], "x", 1) == 1) {
            ::pause();
        }
        ::_exit(0);
    }
    char c = 0;
    ASSERT_EQ(::read(ready[0], &c, 1), 1);
    EXPECT_THAT(mistake_of(folder), HasSubstr("(pid " + std::to_string(other) + ")"));
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    EXPECT_EQ(mistake_of(folder), "");
}

TEST_F(RunFolder, SaysNoPidThatItDoesNotKnow) {
    const fs::path folder = tree.root() / "run";
    const FileDescriptor lock = lock_run_folder(folder);
    tree.file("run/agent.lock", "; rm -rf /");
    EXPECT_THAT(mistake_of(folder), HasSubstr("another wattvisor-host publishes"));
}

TEST_F(RunFolder, FollowsNoLinkInTheLocksPlace) {
    tree.file("victim", "untouched");
    tree.folder("run");
    fs::create_symlink(tree.root() / "victim", tree.root() / "run/agent.lock");
    EXPECT_THAT(mistake_of(tree.root() / "run"), HasSubstr("agent.lock"));
    EXPECT_EQ(tree.read("victim"), "untouched");
}

TEST_F(RunFolder, ThatCannotBeMadeSaysWhatToDo) {
    tree.file("file", "");
    EXPECT_THAT(mistake_of(tree.root() / "file"), HasSubstr("--run-dir"));
    EXPECT_THAT(mistake_of(tree.root() / "file/below"), HasSubstr("--run-dir"));
    EXPECT_THAT(mistake_of("/proc/self/run"), HasSubstr("--run-dir"));
}

} // namespace
} // namespace wattvisor::host
