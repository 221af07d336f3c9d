// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/powercap_tree.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

#include <filesystem>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::HasSubstr;

HostModel small_host() {
    HostSettings settings;
    settings.subzones = {{"core", 500'000}};
    return HostModel(settings);
}

TEST(PowercapTree, ShowsBothViewsOfTheKernel) {
    const test::FakeTree tree;
    ASSERT_TRUE(PowercapTree::create(tree.root(), small_host()));
    for (const char* zone : {"intel-rapl:0:0", "intel-rapl/intel-rapl:0/intel-rapl:0:0",
                             "intel-rapl:0/intel-rapl:0:0"}) {
        EXPECT_EQ(tree.read(std::string(zone) + "/name"), "core\n") << zone;
    }
    EXPECT_EQ(tree.read("intel-rapl:0/max_energy_range_uj"), "262143328850\n");
    EXPECT_EQ(tree.read("intel-rapl/enabled"), "1\n");
    EXPECT_TRUE(fs::read_symlink(tree.root() / "intel-rapl:0").is_relative());
}

TEST(PowercapTree, WritesInPlaceWithOneLength) {
    const test::FakeTree tree;
    HostModel model = small_host();
    auto powercap = PowercapTree::create(tree.root(), model);
    ASSERT_TRUE(powercap);
    const std::string before = tree.read("intel-rapl:0/energy_uj");
    EXPECT_EQ(before, "0" + std::string(20, '\n'));
    model.step(1s, {});
    ASSERT_TRUE(powercap->write(model));
    EXPECT_EQ(tree.read("intel-rapl:0/energy_uj"), "20000000" + std::string(13, '\n'));
    EXPECT_EQ(tree.read("intel-rapl:0:0/energy_uj").size(), before.size());
}

TEST(PowercapTree, StartsAgainOnItsOwnTree) {
    const test::FakeTree tree;
    ASSERT_TRUE(PowercapTree::create(tree.root(), small_host()));
    EXPECT_TRUE(PowercapTree::create(tree.root(), small_host()));
}

TEST(PowercapTree, SaysWhatIsInTheWay) {
    const test::FakeTree tree;
    tree.folder("intel-rapl:0");
    const auto powercap = PowercapTree::create(tree.root(), small_host());
    ASSERT_FALSE(powercap);
    EXPECT_THAT(powercap.error().message(), HasSubstr("empty folder for --root"));
}

TEST(PowercapTree, RemovesOnlyWhatItMade) {
    const test::FakeTree tree;
    const fs::path other = tree.file("other", "x");
    const auto powercap = PowercapTree::create(tree.root(), small_host());
    ASSERT_TRUE(powercap);
    powercap->remove();
    EXPECT_TRUE(fs::exists(other));
    EXPECT_FALSE(fs::exists(fs::symlink_status(tree.root() / "intel-rapl:0")));
    EXPECT_FALSE(fs::exists(tree.root() / "intel-rapl"));
}

} // namespace
} // namespace wattvisor::simulated
