// SPDX-License-Identifier: Apache-2.0
#include "common/base/file_descriptor.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/unit/virtiofs/private_mounts.hpp"
#include "virtiofs/mount_table.hpp"
#include "virtiofs/share_mounts.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <fcntl.h>
#include <fstream>
#include <sys/mount.h>
#include <unistd.h>

namespace wattvisor {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kUuid = "8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a10";
constexpr const char* kOtherUuid = "11111111-2222-3333-4444-555555555555";

class ShareMounts : public ::testing::Test {
protected:
    void SetUp() override {
        const std::string reason = test::enter_private_mounts();
        if (!reason.empty()) {
            GTEST_SKIP() << reason;
        }
        settings_.root = tree_.root() / "root";
        settings_.run_dir = tree_.root() / "run";
    }
    // The namespace ends with the test's process, but several tests may share one.
    void TearDown() override {
        const auto mounts = read_mounts();
        for (auto entry = mounts->rbegin(); entry != mounts->rend(); ++entry) {
            if (entry->mount_point.starts_with(tree_.root().native())) {
                ::umount2(entry->mount_point.c_str(), MNT_DETACH);
            }
        }
    }
    [[nodiscard]] std::ptrdiff_t mounts_below() const {
        const auto mounts = read_mounts();
        return std::ranges::count_if(*mounts, [this](const MountEntry& entry) {
            return entry.mount_point.starts_with(tree_.root().native());
        });
    }
    [[nodiscard]] fs::path exported(const std::string& name) const { return settings_.root / name; }
    [[nodiscard]] fs::path writable(const std::string& uuid) const {
        return settings_.run_dir / "shares" / uuid;
    }
    // What stays after all is removed: the folders above the shares.
    [[nodiscard]] bool is_clean() const {
        return mounts_below() == 0 &&
               (!fs::exists(settings_.root) || fs::is_empty(settings_.root)) &&
               (!fs::exists(settings_.run_dir / "shares") ||
                fs::is_empty(settings_.run_dir / "shares"));
    }
    static void write(const fs::path& path, const std::string& text) {
        std::ofstream(path) << text;
    }

    test::FakeTree tree_;
    ShareSettings settings_;
};

TEST_F(ShareMounts, TheGuestsSideIsReadOnly) {
    const auto made = make_share(settings_, kUuid, "vm");
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->state, ShareState::made);
    EXPECT_EQ(made->exported, exported("vm"));
    write(made->writable / "value", "1");
    EXPECT_EQ(tree_.read("root/vm/value"), "1");
    EXPECT_LT(::open((made->exported / "value").c_str(), O_WRONLY | O_CLOEXEC), 0);
    EXPECT_EQ(errno, EROFS);
    EXPECT_THAT(list_shares(settings_.run_dir), ElementsAre(kUuid));
}

TEST_F(ShareMounts, MakingTwiceMountsOnce) {
    ASSERT_TRUE(make_share(settings_, kUuid, "vm"));
    const auto again = make_share(settings_, kUuid, "vm");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->state, ShareState::kept);
    EXPECT_EQ(mounts_below(), 2);
}

TEST_F(ShareMounts, MakesOnlyTheMountThatIsMissing) {
    const auto made = make_share(settings_, kUuid, "vm");
    write(made->writable / "value", "kept");
    ASSERT_EQ(::umount2(exported("vm").c_str(), MNT_DETACH), 0);
    EXPECT_EQ(make_share(settings_, kUuid, "vm")->state, ShareState::made);
    EXPECT_EQ(mounts_below(), 2);
    EXPECT_EQ(tree_.read("root/vm/value"), "kept");
}

TEST_F(ShareMounts, ProtectsABindMountThatStayedWritable) {
    ASSERT_TRUE(make_share(settings_, kUuid, "vm"));
    ASSERT_EQ(::mount(nullptr, exported("vm").c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr), 0);
    ASSERT_TRUE(make_share(settings_, kUuid, "vm"));
    EXPECT_LT(::open((exported("vm") / "x").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0);
}

TEST_F(ShareMounts, RemovingTakesAllAwayAndTwiceIsFine) {
    ASSERT_TRUE(make_share(settings_, kUuid, "vm"));
    const auto removed = remove_share(settings_, kUuid, "vm");
    ASSERT_TRUE(removed);
    EXPECT_THAT(removed->unmounted, ElementsAre(exported("vm"), writable(kUuid)));
    EXPECT_THAT(removed->removed, ElementsAre(exported("vm"), writable(kUuid)));
    EXPECT_TRUE(is_clean());
    const auto again = remove_share(settings_, kUuid, "vm");
    ASSERT_TRUE(again);
    EXPECT_THAT(again->unmounted, IsEmpty());
    EXPECT_THAT(again->removed, IsEmpty());
}

TEST_F(ShareMounts, RemovingWhereNothingEverWas) {
    const auto removed = remove_share(settings_, kUuid, "vm");
    ASSERT_TRUE(removed) << removed.error().message();
    EXPECT_FALSE(fs::exists(settings_.root));
    EXPECT_THAT(list_shares(settings_.run_dir), IsEmpty());
}

// A mount held busy at VM stop: Scaphandre's tree stays for ever.
TEST_F(ShareMounts, RemovesWhileAFileIsOpen) {
    const auto made = make_share(settings_, kUuid, "vm");
    write(made->writable / "value", "1");
    const FileDescriptor held(::open((made->exported / "value").c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(held);
    ASSERT_TRUE(remove_share(settings_, kUuid, "vm"));
    EXPECT_TRUE(is_clean());
}

TEST_F(ShareMounts, RemovesWhatWasStacked) {
    const auto made = make_share(settings_, kUuid, "vm");
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(
            ::mount(made->writable.c_str(), made->exported.c_str(), nullptr, MS_BIND, nullptr), 0);
    }
    ASSERT_TRUE(remove_share(settings_, kUuid, "vm"));
    EXPECT_TRUE(is_clean());
}

TEST_F(ShareMounts, FindsTheExportOfARenamedVm) {
    ASSERT_TRUE(make_share(settings_, kUuid, "old, name=ü \\040"));
    ASSERT_TRUE(remove_share(settings_, kUuid));
    EXPECT_TRUE(is_clean());
}

TEST_F(ShareMounts, ByUuidTheNameMayBeAnything) {
    settings_.folder = ShareFolderNaming::uuid;
    const auto made = make_share(settings_, kUuid, "a/b");
    ASSERT_TRUE(made);
    EXPECT_EQ(made->exported, exported(kUuid));
    ASSERT_TRUE(remove_share(settings_, kUuid, "a/b"));
    EXPECT_TRUE(is_clean());
}

// A new VM inherited the counter of an old one with its name (Scaphandre).
TEST_F(ShareMounts, ANewVmOfAnOldNameGetsItsOwnShare) {
    const auto old = make_share(settings_, kOtherUuid, "vm");
    write(old->writable / "value", "of the old one");
    const auto made = make_share(settings_, kUuid, "vm");
    ASSERT_TRUE(made);
    EXPECT_EQ(made->state, ShareState::made);
    EXPECT_TRUE(fs::is_empty(exported("vm")));
    EXPECT_EQ(mounts_below(), 3);
    // Tidying the old one up leaves the new one's mount alone.
    ASSERT_TRUE(remove_share(settings_, kOtherUuid, "vm"));
    EXPECT_EQ(mounts_below(), 2);
    ASSERT_TRUE(remove_share(settings_, kUuid, "vm"));
    EXPECT_TRUE(is_clean());
}

TEST_F(ShareMounts, LeavesAHandmadeTmpfsAlone) {
    fs::create_directories(exported("vm"));
    ASSERT_EQ(::mount("tmpfs_vm", exported("vm").c_str(), "tmpfs", 0, "size=5m"), 0);
    write(exported("vm") / "value", "1");
    const auto made = make_share(settings_, kUuid, "vm");
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->state, ShareState::handmade);
    EXPECT_EQ(mounts_below(), 1);
    EXPECT_THAT(list_shares(settings_.run_dir), IsEmpty());
    ASSERT_TRUE(remove_share(settings_, kUuid, "vm"));
    EXPECT_EQ(tree_.read("root/vm/value"), "1");
    EXPECT_EQ(mounts_below(), 1);
}

TEST_F(ShareMounts, AHandmadeMountOverOursLeavesNoDeadEnd) {
    ASSERT_TRUE(make_share(settings_, kUuid, "vm"));
    ASSERT_EQ(::mount("tmpfs_vm", exported("vm").c_str(), "tmpfs", 0, "size=5m"), 0);
    EXPECT_EQ(make_share(settings_, kUuid, "vm")->state, ShareState::handmade);
    EXPECT_FALSE(fs::exists(writable(kUuid)));
}

TEST_F(ShareMounts, FollowsNoLinkOfAVmsName) {
    fs::create_directories(settings_.root);
    fs::create_directory_symlink("/etc", exported("vm"));
    const auto made = make_share(settings_, kUuid, "vm");
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(), HasSubstr("symbolic link"));
    EXPECT_EQ(mounts_below(), 0);
    EXPECT_FALSE(make_plain_folder(settings_, kUuid, "vm"));
    ASSERT_TRUE(remove_share(settings_, kUuid, "vm"));
    EXPECT_TRUE(fs::is_symlink(exported("vm")));
}

TEST_F(ShareMounts, TakesNoPathFromABadName) {
    for (const char* name : {"", ".", "..", "a/b", "../../etc/x"}) {
        EXPECT_FALSE(make_share(settings_, kUuid, name)) << name;
        EXPECT_FALSE(make_plain_folder(settings_, kUuid, name)) << name;
        EXPECT_TRUE(remove_share(settings_, kUuid, name)) << name;
    }
    EXPECT_FALSE(make_share(settings_, "..", "vm"));
    EXPECT_FALSE(remove_share(settings_, "../x", "vm"));
    EXPECT_FALSE(fs::exists(settings_.root));
}

TEST_F(ShareMounts, HidesNobodysData) {
    tree_.file("root/vm/thesis.txt", "precious");
    const auto made = make_share(settings_, kUuid, "vm");
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(), HasSubstr("other files"));
    ASSERT_TRUE(remove_share(settings_, kUuid, "vm"));
    EXPECT_EQ(tree_.read("root/vm/thesis.txt"), "precious");
}

TEST_F(ShareMounts, CoversATreeThatWasPublishedWithoutAMount) {
    tree_.file("root/vm/intel-rapl:0/energy_uj", "1");
    ASSERT_TRUE(make_share(settings_, kUuid, "vm"));
    EXPECT_FALSE(fs::exists(exported("vm") / "intel-rapl:0"));
    ASSERT_TRUE(remove_share(settings_, kUuid, "vm"));
    EXPECT_EQ(tree_.read("root/vm/intel-rapl:0/energy_uj"), "1");
}

TEST_F(ShareMounts, AFailedStepLeavesNothing) {
    tree_.file("run/shares", "a file where a folder must be");
    EXPECT_FALSE(make_share(settings_, kUuid, "vm"));
    EXPECT_FALSE(fs::exists(exported("vm")));
    fs::remove(settings_.run_dir / "shares");
    {
        const test::WithoutMountRight without;
        const auto made = make_share(settings_, kUuid, "vm");
        ASSERT_FALSE(made);
        EXPECT_THAT(made.error().message(), HasSubstr("CAP_SYS_ADMIN"));
    }
    EXPECT_TRUE(is_clean());
}

TEST_F(ShareMounts, DoesNotMountOverAnotherMountInRunDir) {
    fs::create_directories(writable(kUuid));
    ASSERT_EQ(::mount("other", writable(kUuid).c_str(), "tmpfs", 0, nullptr), 0);
    EXPECT_FALSE(make_share(settings_, kUuid, "vm"));
    ASSERT_TRUE(remove_share(settings_, kUuid, "vm"));
    EXPECT_EQ(mounts_below(), 1);
}

TEST_F(ShareMounts, ListsOnlyFoldersOfUuids) {
    tree_.folder(std::string("run/shares/") + kUuid);
    tree_.folder("run/shares/8FD62E75-2A53-4B1C-9B0E-5F1F0C2D7A11");
    tree_.folder("run/shares/other");
    tree_.file(std::string("run/shares/") + kOtherUuid, "");
    EXPECT_THAT(list_shares(settings_.run_dir), ElementsAre(kUuid));
}

TEST(MakePlainFolder, NeedsNoRight) {
    const test::FakeTree tree;
    ShareSettings settings;
    settings.root = tree.root() / "root";
    EXPECT_EQ(*make_plain_folder(settings, kUuid, "vm"), settings.root / "vm");
    EXPECT_TRUE(make_plain_folder(settings, kUuid, "vm"));
    EXPECT_TRUE(fs::is_directory(settings.root / "vm"));
}

} // namespace
} // namespace wattvisor
