// SPDX-License-Identifier: Apache-2.0
#include "host-agent/share_tidier.hpp"
#include "tests/support/fake_tree.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace wattvisor::host {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr const char* kGone = "8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a10";
constexpr const char* kRuns = "8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a11";

// Plain folders stand for the mounts: what is removed, and when, is decided here.
class Tidier : public testing::Test {
protected:
    Tidier() {
        settings.root = tree.folder("root");
        settings.run_dir = tree.folder("run");
        tree.folder(std::string("run/shares/") + kGone);
        tree.folder(std::string("run/shares/") + kRuns);
        vms.connected = true;
        vms.vms.push_back({});
        vms.vms.back().uuid = kRuns;
    }
    [[nodiscard]] bool has(const char* uuid) const {
        return std::filesystem::exists(settings.run_dir / "shares" / uuid);
    }

    test::FakeTree tree;
    ShareSettings settings;
    VmList vms;
    steady_clock::time_point now{seconds(1000)};
};

TEST_F(Tidier, RemovesTheShareOfAVmThatIsGoneForAWhile) {
    ShareTidier tidier(settings);
    tidier.tidy(vms, now);
    EXPECT_TRUE(has(kGone)) << "it may be starting";
    tidier.tidy(vms, now + kShareGrace - seconds(1));
    EXPECT_TRUE(has(kGone));
    tidier.tidy(vms, now + kShareGrace);
    EXPECT_FALSE(has(kGone));
    EXPECT_TRUE(has(kRuns));
}

// While libvirtd is down, the list says nothing about who runs.
TEST_F(Tidier, RemovesNothingWithoutLibvirt) {
    ShareTidier tidier(settings);
    tidier.tidy(vms, now);
    vms.connected = false;
    tidier.tidy(vms, now + 2 * kShareGrace);
    vms.connected = true;
    tidier.tidy(vms, now + 3 * kShareGrace);
    EXPECT_TRUE(has(kGone)) << "counted anew since libvirt is back";
    tidier.tidy(vms, now + 4 * kShareGrace);
    EXPECT_FALSE(has(kGone));
}

TEST_F(Tidier, CountsAnewForAVmThatWasBack) {
    ShareTidier tidier(settings);
    tidier.tidy(vms, now);
    vms.vms.front().uuid = kGone;
    tidier.tidy(vms, now + seconds(30));
    vms.vms.front().uuid = kRuns;
    tidier.tidy(vms, now + kShareGrace + seconds(1));
    EXPECT_TRUE(has(kGone));
}

TEST_F(Tidier, TouchesNothingThatIsNotAShare) {
    tree.file("run/ledger.json", "{}");
    tree.file("run/shares/notes.txt", "mine");
    tree.folder("run/shares/not-a-uuid");
    ShareTidier tidier(settings);
    tidier.tidy(vms, now);
    tidier.tidy(vms, now + 2 * kShareGrace);
    EXPECT_EQ(tree.read("run/ledger.json"), "{}");
    EXPECT_EQ(tree.read("run/shares/notes.txt"), "mine");
    EXPECT_TRUE(std::filesystem::exists(settings.run_dir / "shares/not-a-uuid"));
}

} // namespace
} // namespace wattvisor::host
