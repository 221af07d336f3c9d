// SPDX-License-Identifier: Apache-2.0
#include "host-agent/helper_pid_files.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/unit/host-agent/lock_holder.hpp"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace wattvisor::host {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using wattvisor::test::FakeTree;
using wattvisor::test::LockHolder;

auto has_pid(pid_t pid) {
    return Field(&HelperPid::pid, pid);
}

auto is(pid_t pid, Component component) {
    return testing::AllOf(has_pid(pid), Field(&HelperPid::component, component));
}

class PidFiles : public testing::Test {
protected:
    [[nodiscard]] std::vector<HelperPid> of(int id, const std::string& name) {
        files.refresh();
        return files.of(id, name);
    }

    FakeTree tree;
    HelperPidFiles files{tree.root()};
};

TEST(DomainShortName, IsTheIdAndTwentyCharacters) {
    EXPECT_EQ(domain_short_name(3, "web"), "3-web");
    EXPECT_EQ(domain_short_name(12, "12345678901234567890x"), "12-12345678901234567890");
    EXPECT_EQ(domain_short_name(1, "ääääääääääääääääääääx"), "1-ääääääääääääääääääää");
    EXPECT_EQ(domain_short_name(1, "⚡⚡"), "1-⚡⚡");
}

TEST(DomainShortName, OfANameThatCannotBeAFilesIsNone) {
    for (const char* name :
         {"", "a/b", "..", "../../etc/x", "a\nb", "\xff", "\xc3", "a\x80", "\xc0\x80"}) {
        EXPECT_EQ(domain_short_name(1, name), std::nullopt) << name;
    }
    EXPECT_EQ(domain_short_name(-1, "web"), std::nullopt);
}

TEST_F(PidFiles, OfEachKindOfHelperAreFound) {
    tree.file("3-web-fs0-fs.pid", "11\n");
    tree.file("3-web-fs1-fs.pid", "12");
    tree.file("3-web-video0-vhost-user-gpu.pid", "13");
    tree.file("swtpm/3-web-swtpm.pid", "14");
    tree.file("passt/3-web-net0-passt.pid", "15");
    tree.file("slirp/3-web-net0-slirp.pid", "16");
    tree.file("dbus/3-web-dbus.pid", "17");
    EXPECT_THAT(of(3, "web"),
                UnorderedElementsAre(is(11, Component::virtiofsd), is(12, Component::virtiofsd),
                                     is(13, Component::helper), is(14, Component::swtpm),
                                     is(15, Component::network), is(16, Component::network),
                                     is(17, Component::helper)));
}

TEST_F(PidFiles, OfOtherDomainsAreLeftAlone) {
    tree.file("3-web-fs0-fs.pid", "11");
    tree.file("33-web-fs0-fs.pid", "12");
    tree.file("3-website-fs0-fs.pid", "13");
    tree.file("web.pid", "14");
    tree.file("driver.pid", "15");
    tree.file("3-web-fs0-fs.socket", "16");
    tree.file("elsewhere/3-web-fs0-fs.pid", "17");
    EXPECT_THAT(of(3, "web"), ElementsAre(has_pid(11)));
    EXPECT_THAT(of(4, "web"), IsEmpty());
}

// As libvirt 9 wrote it: the name cut to 20 characters, and then escaped as in XML.
TEST_F(PidFiles, OfAnOddNameAreFound) {
    tree.file("1-wattlab-proc &amp; odd n-fs0-fs.pid", "11");
    EXPECT_THAT(of(1, "wattlab-proc & odd näme of more than twenty"), ElementsAre(has_pid(11)));
}

TEST_F(PidFiles, TakeNoPathFromAName) {
    tree.file("x-fs0-fs.pid", "11");
    const FakeTree inner;
    HelperPidFiles below(tree.folder("run"));
    below.refresh();
    EXPECT_THAT(below.of(1, "/../x"), IsEmpty());
    EXPECT_THAT(below.of(1, ".."), IsEmpty());
}

// A session's folder is its user's, who may put there what he likes.
TEST_F(PidFiles, ThatAreNoFilesOrHoldNoPidAreLeftOut) {
    tree.file("3-web-a-fs.pid", "");
    tree.file("3-web-b-fs.pid", "0");
    tree.file("3-web-c-fs.pid", "-5");
    tree.file("3-web-d-fs.pid", "99999999999");
    tree.file("3-web-e-fs.pid", std::string(1 << 20, '1'));
    tree.folder("3-web-f-fs.pid");
    ASSERT_EQ(::mkfifo((tree.root() / "3-web-g-fs.pid").c_str(), 0600), 0);
    tree.file("secret", "17");
    std::filesystem::create_symlink(tree.root() / "secret", tree.root() / "3-web-h-fs.pid");
    tree.file("real/3-web-swtpm.pid", "18");
    std::filesystem::create_directory_symlink(tree.root() / "real", tree.root() / "swtpm");
    EXPECT_THAT(of(3, "web"), IsEmpty());
}

TEST_F(PidFiles, SayWhoHoldsTheirLock) {
    const auto path = tree.file("3-web-fs0-fs.pid", "1");
    EXPECT_THAT(of(3, "web"), ElementsAre(Field(&HelperPid::is_locked, false)));
    const LockHolder holder(path);
    const auto helpers = of(3, "web");
    ASSERT_THAT(helpers, SizeIs(1));
    EXPECT_TRUE(helpers[0].is_locked);
    EXPECT_EQ(helpers[0].pid, holder.pid()); // whatever the text says
    EXPECT_EQ(helpers[0].file_owner, ::geteuid());
}

// utimensat(2) takes times that do not fit into nanoseconds.
TEST_F(PidFiles, WithAnAbsurdTimeAreOfLongAgo) {
    const auto path = tree.file("3-web-fs0-fs.pid", "1");
    const timespec times[2] = {{0, 0}, {std::int64_t{1} << 40, 0}};
    if (::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0) {
        const auto helpers = of(3, "web");
        ASSERT_THAT(helpers, SizeIs(1));
        EXPECT_EQ(helpers[0].written, std::chrono::nanoseconds(0));
    }
}

TEST_F(PidFiles, OfAFolderThatIsNotThereAreNone) {
    HelperPidFiles nowhere(tree.root() / "nowhere");
    nowhere.refresh();
    EXPECT_THAT(nowhere.of(3, "web"), IsEmpty());
}

} // namespace
} // namespace wattvisor::host
