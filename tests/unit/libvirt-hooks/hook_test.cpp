// SPDX-License-Identifier: Apache-2.0
#include "libvirt-hooks/hook.hpp"
#include "tests/support/fake_tree.hpp"
#include "tests/unit/virtiofs/private_mounts.hpp"
#include "virtiofs/mount_table.hpp"
#include "virtiofs/share_mounts.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace wattvisor::hook {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kUuid = "8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a10";

TEST(ParseArguments, TakesLibvirtsFour) {
    const auto invocation =
        parse_arguments(std::vector<std::string>{"vm", "prepare", "begin", "-"});
    ASSERT_TRUE(invocation);
    EXPECT_EQ(invocation->domain, "vm");
    EXPECT_EQ(invocation->settings, ShareSettings());
    EXPECT_TRUE(needs_xml(*invocation));
}

TEST(ParseArguments, TakesOptionsBefore) {
    const auto invocation = parse_arguments(
        std::vector<std::string>{"--root", "/a", "--run-dir=/b", "vm", "release", "end", "-"});
    ASSERT_TRUE(invocation);
    EXPECT_EQ(invocation->settings.root, "/a");
    EXPECT_EQ(invocation->settings.run_dir, "/b");
    EXPECT_TRUE(needs_xml(*invocation));
}

TEST(ParseArguments, AVmMayBeCalledLikeAnOption) {
    for (const char* name : {"--help", "--version", "--root=/x", "--root", "-h"}) {
        const auto invocation =
            parse_arguments(std::vector<std::string>{name, "prepare", "begin", "-"});
        ASSERT_TRUE(invocation) << name;
        EXPECT_EQ(invocation->wish, Wish::act);
        EXPECT_EQ(invocation->domain, name);
        EXPECT_EQ(invocation->settings, ShareSettings());
    }
}

TEST(ParseArguments, SaysWhatIsWrong) {
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {}, {"vm"}, {"--frob"}, {"--root"}, {"--root", "relative", "vm", "a", "b", "-"}}) {
        const auto invocation = parse_arguments(arguments);
        ASSERT_FALSE(invocation);
        EXPECT_THAT(invocation.error().message(), HasSubstr("wattvisor-hook --help"));
    }
    EXPECT_EQ(parse_arguments(std::vector<std::string>{"--help"})->wish, Wish::help);
    EXPECT_EQ(parse_arguments(std::vector<std::string>{"--version"})->wish, Wish::version);
}

TEST(NeedsXml, ForTwoOperationsOnly) {
    for (const auto& [operation, step] :
         std::vector<std::pair<std::string, std::string>>{{"prepare", "end"},
                                                          {"start", "begin"},
                                                          {"started", "begin"},
                                                          {"stopped", "end"},
                                                          {"migrate", "begin"},
                                                          {"restore", "begin"},
                                                          {"reconnect", "begin"},
                                                          {"", ""}}) {
        EXPECT_FALSE(
            needs_xml(*parse_arguments(std::vector<std::string>{"vm", operation, step, "-"})));
    }
}

class Hook : public ::testing::Test {
protected:
    void SetUp() override {
        const std::string reason = test::enter_private_mounts();
        if (!reason.empty()) {
            GTEST_SKIP() << reason;
        }
        settings_.root = tree_.root() / "root";
        settings_.run_dir = tree_.root() / "run";
    }
    void TearDown() override { std::ignore = remove_share(settings_, kUuid, "vm 1"); }

    [[nodiscard]] std::string xml(const fs::path& source, const std::string& name = "vm 1") const {
        return "<domain><name>" + name + "</name><uuid>" + kUuid +
               "</uuid><devices><filesystem><driver type='virtiofs'/><source dir='" +
               source.string() + "'/><target dir='scaphandre'/></filesystem></devices></domain>";
    }
    Report run(const std::string& operation, const std::string& text,
               const std::string& name = "vm 1") const {
        return run_hook(
            {Wish::act, settings_, name, operation, operation == "prepare" ? "begin" : "end"},
            text);
    }
    [[nodiscard]] std::ptrdiff_t mounts_below() const {
        const auto mounts = read_mounts();
        return std::ranges::count_if(*mounts, [this](const MountEntry& entry) {
            return entry.mount_point.starts_with(tree_.root().native());
        });
    }

    test::FakeTree tree_;
    ShareSettings settings_;
};

TEST_F(Hook, MakesTheShareAndRemovesIt) {
    const std::string domain = xml(settings_.root / "vm 1");
    const Report made = run("prepare", domain);
    EXPECT_THAT(made.problems, IsEmpty());
    EXPECT_THAT(made.notes, ElementsAre(HasSubstr("made the share of VM vm 1")));
    EXPECT_EQ(mounts_below(), 2);
    // A start that failed gets release, too, and so does one that never came to prepare.
    for (int i = 0; i < 2; ++i) {
        EXPECT_THAT(run("release", domain).problems, IsEmpty());
        EXPECT_EQ(mounts_below(), 0);
    }
    EXPECT_TRUE(fs::is_empty(settings_.root));
}

TEST_F(Hook, KnowsAShareNamedByUuid) {
    const std::string domain = xml(settings_.root / kUuid);
    run("prepare", domain);
    EXPECT_TRUE(fs::exists(settings_.root / kUuid));
    EXPECT_EQ(mounts_below(), 2);
    run("release", domain);
    EXPECT_EQ(mounts_below(), 0);
}

TEST_F(Hook, LeavesOtherFoldersAlone) {
    for (const fs::path& source :
         {fs::path("/etc"), settings_.root, settings_.root / "other", settings_.root / "vm 1/sub",
          settings_.root / "x/../vm 1", settings_.root / "11111111-2222-3333-4444-555555555555"}) {
        const Report report = run("prepare", xml(source));
        EXPECT_THAT(report.notes, ElementsAre(HasSubstr("left alone"))) << source;
    }
    EXPECT_FALSE(fs::exists(settings_.root));
}

TEST_F(Hook, TakesNoFolderFromAHostileName) {
    for (const std::string name : {"..", "a/b", "../../etc"}) {
        const Report report = run("prepare", xml(settings_.root / name, name), name);
        EXPECT_THAT(report.notes, ElementsAre(HasSubstr("left alone"))) << name;
    }
    EXPECT_FALSE(fs::exists(settings_.root));
}

TEST_F(Hook, DoesNothingForAnotherVmsXml) {
    run("prepare", xml(settings_.root / "vm 1"), "another");
    EXPECT_FALSE(fs::exists(settings_.root));
}

TEST_F(Hook, DoesNothingForAVmThatIsNotEnrolled) {
    const Report report =
        run("prepare", std::string("<domain><name>vm 1</name><uuid>") + kUuid + "</uuid></domain>");
    EXPECT_THAT(report.notes, IsEmpty());
    EXPECT_THAT(report.problems, IsEmpty());
}

TEST_F(Hook, TellsOfXmlThatItCannotRead) {
    for (const std::string& text :
         {std::string(), std::string("garbage"), std::string("<domain><name>"),
          std::string("<!DOCTYPE d [<!ENTITY a 'b'>]><domain/>"), std::string(5U << 20U, 'x')}) {
        EXPECT_THAT(run("prepare", text).problems, ElementsAre(HasSubstr("cannot read the XML")));
    }
}

TEST_F(Hook, WithoutTheRightToMountTheVmStillGetsAFolder) {
    const test::WithoutMountRight without;
    const Report report = run("prepare", xml(settings_.root / "vm 1"));
    EXPECT_THAT(report.problems, ElementsAre(HasSubstr("CAP_SYS_ADMIN")));
    EXPECT_THAT(report.notes, ElementsAre(HasSubstr("plain folder")));
    EXPECT_TRUE(fs::is_directory(settings_.root / "vm 1"));
    EXPECT_FALSE(fs::exists(settings_.run_dir / "shares" / kUuid));
    EXPECT_THAT(run("release", xml(settings_.root / "vm 1")).problems, IsEmpty());
    EXPECT_FALSE(fs::exists(settings_.root / "vm 1"));
}

TEST_F(Hook, ALinkInTheWayIsAProblemAndNotFollowed) {
    fs::create_directories(settings_.root);
    fs::create_directory_symlink("/etc", settings_.root / "vm 1");
    const Report report = run("prepare", xml(settings_.root / "vm 1"));
    EXPECT_THAT(report.problems, ElementsAre(HasSubstr("symbolic link"), HasSubstr("no folder")));
}

} // namespace
} // namespace wattvisor::hook
