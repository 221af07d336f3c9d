// SPDX-License-Identifier: Apache-2.0
#include "host-agent/qemu_pid_file.hpp"
#include "tests/support/fake_tree.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace wattvisor::host {
namespace {

class QemuPidFile : public testing::Test {
protected:
    test::FakeTree tree_;
};

TEST_F(QemuPidFile, ReadsTheNumber) {
    tree_.file("web-1.pid", "4711\n");
    tree_.file("with space.pid", "4712");
    tree_.file("guest=x,y.pid", "4713\n");
    tree_.file("数据.pid", "4714\n");
    EXPECT_EQ(read_qemu_pid(tree_.root(), "web-1").value(), 4711);
    EXPECT_EQ(read_qemu_pid(tree_.root(), "with space").value(), 4712);
    EXPECT_EQ(read_qemu_pid(tree_.root(), "guest=x,y").value(), 4713);
    EXPECT_EQ(read_qemu_pid(tree_.root(), "数据").value(), 4714);
}

// libvirt names the file after the name as it stands in XML; seen with libvirt 9.
TEST_F(QemuPidFile, IsNamedAsTheDomainIsInXml) {
    tree_.file("a&amp;b&lt;&gt;&apos;&quot;.pid", "4715\n");
    EXPECT_EQ(read_qemu_pid(tree_.root(), "a&b<>'\"").value(), 4715);
}

TEST_F(QemuPidFile, AbsentFileMeansGone) {
    const auto pid = read_qemu_pid(tree_.root(), "web-1");
    ASSERT_FALSE(pid);
    EXPECT_EQ(pid.error().severity, Severity::gone);
}

TEST_F(QemuPidFile, RefusesWhatIsNoPid) {
    for (const char* text : {"", "0\n", "-1\n", "12a\n", "4294967296\n", "1\n2\n"}) {
        tree_.file("a.pid", text);
        EXPECT_FALSE(read_qemu_pid(tree_.root(), "a")) << text;
    }
    tree_.file("a.pid", std::string(1'000'000, '1'));
    EXPECT_FALSE(read_qemu_pid(tree_.root(), "a"));
}

// Any local user can start a process that claims to be the guest ../../etc/x.
TEST_F(QemuPidFile, NamesCannotLeaveTheFolder) {
    tree_.file("secret.pid", "1\n");
    tree_.folder("run");
    for (const char* name : {"../secret", "", ".", "..", "/secret", "a/../../secret"}) {
        EXPECT_FALSE(read_qemu_pid(tree_.root() / "run", name)) << name;
    }
    EXPECT_FALSE(read_qemu_pid(tree_.root(), std::string_view("secret\0", 7)));
}

TEST_F(QemuPidFile, DoesNotFollowASymbolicLink) {
    tree_.file("target", "1\n");
    std::filesystem::create_symlink(tree_.root() / "target", tree_.root() / "a.pid");
    EXPECT_FALSE(read_qemu_pid(tree_.root(), "a"));
}

TEST(QemuRunDir, SessionDaemonsKeepThemElsewhere) {
    const std::filesystem::path system = "/run/libvirt/qemu";
    EXPECT_EQ(qemu_run_dir("qemu:///system", system, "/run/user/1", "/home/a"), system);
    EXPECT_EQ(qemu_run_dir("qemu:///session", system, "/run/user/1", "/home/a"),
              "/run/user/1/libvirt/qemu/run");
    EXPECT_EQ(qemu_run_dir("qemu:///session?socket=/s", system, "/run/user/1", "/home/a"),
              "/run/user/1/libvirt/qemu/run");
    EXPECT_EQ(qemu_run_dir("qemu:///session", system, nullptr, "/home/a"),
              "/home/a/.cache/libvirt/qemu/run");
    EXPECT_EQ(qemu_run_dir("qemu:///session", system, nullptr, nullptr), system);
    EXPECT_EQ(qemu_run_dir("qemu:///session", "/mine", "/run/user/1", "/home/a"), "/mine");
}

} // namespace
} // namespace wattvisor::host
