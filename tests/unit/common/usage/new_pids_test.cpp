// SPDX-License-Identifier: Apache-2.0
#include "common/usage/new_pids.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/unit/common/usage/live_child.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace wattvisor {
namespace {

using test::FakeTree;
using test::LiveChild;

TEST(ParseLastPid, IsTheLastFieldOfTheLine) {
    EXPECT_EQ(parse_last_pid("0.03 0.84 1.30 2/1905 15462\n"), "15462");
    EXPECT_EQ(parse_last_pid("0.03 0.84 1.30 2/1905 0\n"), "0");
}

TEST(ParseLastPid, RefusesWhatIsNoSuchFile) {
    EXPECT_EQ(parse_last_pid(""), std::nullopt);
    EXPECT_EQ(parse_last_pid("15462\n"), std::nullopt);
    EXPECT_EQ(parse_last_pid("0.03 0.84 1.30 2/1905\n"), std::nullopt);
    EXPECT_EQ(parse_last_pid("0.03 0.84 1.30 2/1905 -1\n"), std::nullopt);
    EXPECT_EQ(parse_last_pid("0.03 0.84 1.30 2/1905 15462 1\n"), std::nullopt);
}

class Loadavg : public testing::Test {
protected:
    void show(int pid) const {
        tree.file("loadavg", "0.03 0.84 1.30 2/1905 " + std::to_string(pid) + "\n");
    }
    FakeTree tree;
    NewPids pids{tree.root() / "loadavg"};
};

TEST_F(Loadavg, TellsOfEachNewPid) {
    show(77);
    EXPECT_TRUE(pids.any()) << "nothing is known yet";
    EXPECT_FALSE(pids.any());
    EXPECT_FALSE(pids.any());
    show(78);
    EXPECT_TRUE(pids.any());
    EXPECT_FALSE(pids.any());
    show(12); // after the largest pid the kernel begins anew
    EXPECT_TRUE(pids.any());
}

TEST_F(Loadavg, ThatCannotBeReadProvesNothing) {
    EXPECT_TRUE(pids.any());
    EXPECT_TRUE(pids.any()) << "there is no such file";
    show(77);
    EXPECT_TRUE(pids.any());
    EXPECT_FALSE(pids.any());
    tree.file("loadavg", "");
    EXPECT_TRUE(pids.any());
    EXPECT_TRUE(pids.any());
}

TEST(NewPids, OfNoFileAreAlwaysPossible) {
    NewPids pids{std::filesystem::path()};
    EXPECT_TRUE(pids.any());
    EXPECT_TRUE(pids.any());
}

TEST(NewPids, SeesAChildOfThisKernel) {
    NewPids pids("/proc/loadavg");
    static_cast<void>(pids.any());
    const LiveChild child;
    EXPECT_TRUE(pids.any());
}

} // namespace
} // namespace wattvisor
