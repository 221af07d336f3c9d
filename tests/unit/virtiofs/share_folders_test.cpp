// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_tree.hpp"
#include "tests/unit/virtiofs/private_mounts.hpp"
#include "virtiofs/share_folders.hpp"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace wattvisor {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(OpenBelow, FollowsNoLink) {
    const test::FakeTree tree;
    fs::create_symlink("/etc", tree.root() / "vm");
    const auto base = open_base(tree.root(), IfMissing::fail);
    ASSERT_TRUE(base);
    for (const auto if_missing : {IfMissing::fail, IfMissing::make}) {
        const auto folder = open_below(*base, "vm", if_missing);
        ASSERT_FALSE(folder);
        EXPECT_THAT(folder.error().message(), HasSubstr("symbolic link"));
    }
}

TEST(OpenBelow, MakesWhatIsMissingAndSaysSo) {
    const test::FakeTree tree;
    const auto base = open_base(tree.root() / "a/b", IfMissing::make);
    ASSERT_TRUE(base);
    EXPECT_FALSE(open_below(*base, "vm", IfMissing::fail));
    EXPECT_TRUE(open_below(*base, "vm", IfMissing::make)->is_new);
    EXPECT_FALSE(open_below(*base, "vm", IfMissing::make)->is_new);
}

TEST(OpenBase, FollowsTheAdministratorsLink) {
    const test::FakeTree tree;
    tree.folder("real");
    fs::create_directory_symlink(tree.root() / "real", tree.root() / "link");
    const auto base = open_base(tree.root() / "link", IfMissing::fail);
    ASSERT_TRUE(base);
    EXPECT_EQ(kernel_path(*base), fs::canonical(tree.root() / "real"));
    EXPECT_EQ(open_base(tree.root() / "none", IfMissing::fail).error().severity, Severity::gone);
}

class TmpfsTest : public ::testing::Test {
protected:
    void SetUp() override {
        const std::string reason = test::enter_private_mounts();
        if (!reason.empty()) {
            GTEST_SKIP() << reason;
        }
    }
    test::FakeTree tree_;
};

// 40 zones, each with two folders and four files that have two names, as the publisher makes them.
TEST_F(TmpfsTest, HasRoomForTheLargestTree) {
    const auto base = open_base(tree_.root(), IfMissing::fail);
    ASSERT_TRUE(mount_tmpfs(*open_below(*base, "t", IfMissing::make)));
    const fs::path root = tree_.root() / "t";
    for (int zone = 0; zone < 40; ++zone) {
        const fs::path flat = root / std::to_string(zone);
        const fs::path nested = root / "intel-rapl" / std::to_string(zone);
        ASSERT_TRUE(fs::create_directories(flat) && fs::create_directories(nested));
        for (const char* name : {"name", "energy_uj", "max_energy_range_uj", "enabled"}) {
            tree_.file("t/" + std::to_string(zone) + "/" + name, "1\n");
            fs::create_hard_link(flat / name, nested / name);
            EXPECT_EQ(fs::file_size(nested / name), 2U);
        }
    }
    tree_.file("t/wattvisor/snapshot", std::string(4096, 'x'));
    EXPECT_EQ(fs::file_size(root / "wattvisor/snapshot"), 4096U);
    struct statvfs status {};
    ASSERT_EQ(::statvfs(root.c_str(), &status), 0);
    EXPECT_GT(status.f_ffree, 80U);
    EXPECT_GT(status.f_bfree, 80U);
    EXPECT_EQ(status.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC),
              static_cast<unsigned long>(ST_NOSUID | ST_NODEV | ST_NOEXEC));
}

TEST_F(TmpfsTest, SaysWhichRightIsMissing) {
    const auto base = open_base(tree_.root(), IfMissing::fail);
    const auto folder = open_below(*base, "t", IfMissing::make);
    const test::WithoutMountRight without;
    const auto mounted = mount_tmpfs(*folder);
    ASSERT_FALSE(mounted);
    EXPECT_THAT(mounted.error().message(), HasSubstr("CAP_SYS_ADMIN"));
}

TEST_F(TmpfsTest, ABindMountOfTheSameFileSystemIsNoticed) {
    const auto base = open_base(tree_.root(), IfMissing::fail);
    const auto source = open_below(*base, "a", IfMissing::make);
    const auto target = open_below(*base, "b", IfMissing::make);
    EXPECT_FALSE(is_mount_point(*base, *target));
    ASSERT_TRUE(bind(*source, *target));
    const auto top = open_below(*base, "b", IfMissing::fail);
    EXPECT_TRUE(is_mount_point(*base, *top));
    EXPECT_FALSE(is_read_only(*top));
    ASSERT_TRUE(make_read_only(*top));
    EXPECT_TRUE(is_read_only(*top));
    ASSERT_TRUE(unmount(*base, "b"));
    EXPECT_FALSE(is_mount_point(*base, *open_below(*base, "b", IfMissing::fail)));
}

} // namespace
} // namespace wattvisor
