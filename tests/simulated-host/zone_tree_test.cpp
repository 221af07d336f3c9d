// SPDX-License-Identifier: Apache-2.0
#include "common/energy/powercap.hpp"
#include "tests/simulated-host/zone_tree.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

#include <array>
#include <filesystem>

namespace wattvisor::simulated {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

PowerSpec with_core() {
    PowerSpec power;
    power.core = ZoneSpec{10'000'000, 0};
    return power;
}

class ZoneTreeTest : public ::testing::Test {
protected:
    ZoneTreeTest() : zones_(HostSpec(), with_core()) {}

    [[nodiscard]] Result<ZoneTree> create() {
        return ZoneTree::create(files_.root(), zones_, budget_);
    }
    void pass() { zones_.charge(1'000'000'000, std::array<std::uint64_t, 1>{0}); }
    static Event event(EventKind kind, const std::string& zone, const std::string& text = {}) {
        Event made;
        made.kind = kind;
        made.target = zone;
        made.text = text;
        return made;
    }

    test::FakeTree files_;
    ZoneBank zones_;
    DescriptorBudget budget_{100};
};

TEST_F(ZoneTreeTest, ShowsBothViewsOfTheKernel) {
    ASSERT_TRUE(create());
    for (const char* zone : {"intel-rapl:0:0", "intel-rapl/intel-rapl:0/intel-rapl:0:0",
                             "intel-rapl:0/intel-rapl:0:0"}) {
        EXPECT_EQ(files_.read(std::string(zone) + "/name"), "core\n") << zone;
    }
    EXPECT_EQ(files_.read("intel-rapl:0/max_energy_range_uj"), "262143328850\n");
    EXPECT_EQ(files_.read("intel-rapl/enabled"), "1\n");
    EXPECT_TRUE(fs::read_symlink(files_.root() / "intel-rapl:0").is_relative());
}

TEST_F(ZoneTreeTest, WritesInPlaceWithOneLength) {
    auto tree = create();
    ASSERT_TRUE(tree);
    const std::string before = files_.read("intel-rapl:0/energy_uj");
    EXPECT_THAT(before, ::testing::StartsWith("0\n"));
    pass();
    ASSERT_TRUE(tree->write(zones_));
    EXPECT_THAT(files_.read("intel-rapl:0/energy_uj"), ::testing::StartsWith("20000000\n\n"));
    EXPECT_EQ(files_.read("intel-rapl:0/energy_uj").size(), before.size());
}

TEST_F(ZoneTreeTest, StartsAgainOnItsOwnTree) {
    ASSERT_TRUE(create());
    EXPECT_TRUE(create());
}

TEST_F(ZoneTreeTest, SaysWhatIsInTheWay) {
    files_.folder("intel-rapl:0");
    const auto tree = create();
    ASSERT_FALSE(tree);
    EXPECT_THAT(tree.error().message(), HasSubstr("empty folder for --root"));
}

TEST_F(ZoneTreeTest, RemovesOnlyWhatItMade) {
    const fs::path other = files_.file("other", "x");
    auto tree = create();
    ASSERT_TRUE(tree);
    tree->remove();
    EXPECT_TRUE(fs::exists(other));
    EXPECT_FALSE(fs::exists(fs::symlink_status(files_.root() / "intel-rapl:0")));
    EXPECT_FALSE(fs::exists(files_.root() / "intel-rapl"));
}

// A file's mode keeps nobody out who is root; a test that relies on it is skipped or lies.
TEST_F(ZoneTreeTest, UnreadableIsUnreadableForRootAndForWhoHasItOpen) {
    auto tree = create();
    ASSERT_TRUE(tree);
    PowercapSource reader(files_.root());
    ASSERT_TRUE(reader.read({}));
    zones_.apply(event(EventKind::counter_unreadable, "intel-rapl:0"));
    ASSERT_TRUE(tree->write(zones_));
    for (int look = 0; look < 3; ++look) {
        const auto sample = reader.read({});
        ASSERT_TRUE(sample);
        EXPECT_FALSE(sample->counters_uj[0]);
        EXPECT_TRUE(sample->counters_uj[1]);
    }
    pass();
    zones_.revert(event(EventKind::counter_unreadable, "intel-rapl:0"));
    ASSERT_TRUE(tree->write(zones_));
    const auto sample = reader.read({});
    ASSERT_TRUE(sample && sample->counters_uj[0]);
    EXPECT_EQ(*sample->counters_uj[0], 20'000'000U);
}

TEST_F(ZoneTreeTest, ZonesVanishAndAppear) {
    auto tree = create();
    ASSERT_TRUE(tree);
    zones_.apply(event(EventKind::counter_vanish, "intel-rapl:0:0"));
    ASSERT_TRUE(tree->write(zones_));
    EXPECT_EQ(discover_zones(files_.root())->zones.size(), 1U);
    zones_.revert(event(EventKind::counter_vanish, "intel-rapl:0:0"));
    ASSERT_TRUE(tree->write(zones_));
    EXPECT_EQ(discover_zones(files_.root())->zones.size(), 2U);
}

TEST_F(ZoneTreeTest, ShowsGarbageWhole) {
    auto tree = create();
    ASSERT_TRUE(tree);
    pass();
    ASSERT_TRUE(tree->write(zones_));
    zones_.apply(event(EventKind::counter_garbage, "intel-rapl:0", "N/A"));
    ASSERT_TRUE(tree->write(zones_));
    EXPECT_THAT(files_.read("intel-rapl:0/energy_uj"), ::testing::StartsWith("N/A\n\n"));
    zones_.revert(event(EventKind::counter_garbage, "intel-rapl:0"));
    ASSERT_TRUE(tree->write(zones_));
    EXPECT_THAT(files_.read("intel-rapl:0/energy_uj"), ::testing::StartsWith("20000000\n"));
}

} // namespace
} // namespace wattvisor::simulated
