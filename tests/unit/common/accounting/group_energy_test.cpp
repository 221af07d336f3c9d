// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/group_energy.hpp"
#include "meter_rig.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;

ConsumerPtr process(const std::string& key, const std::string& unit, ContainerPtr container = {}) {
    auto made = std::make_shared<Consumer>();
    made->key = key;
    made->systemd_unit = unit;
    made->container = std::move(container);
    return made;
}

class GroupEnergyTest : public testing::Test {
protected:
    void tick(const std::vector<std::pair<ConsumerPtr, std::uint64_t>>& charges,
              std::chrono::nanoseconds step = 1s) {
        UsageSample usage;
        std::vector<std::uint64_t> charged;
        for (const auto& [who, uj] : charges) {
            usage.consumers.push_back({who, {}, nullptr, {}});
            charged.push_back(uj);
        }
        now += step;
        groups.take(usage, charged, now);
    }
    [[nodiscard]] std::optional<std::uint64_t> total(const std::string& name) const {
        for (const GroupAccount& group : groups.units(1s)) {
            if (group.name == name) {
                return group.total_uj;
            }
        }
        return std::nullopt;
    }
    GroupEnergy groups;
    std::chrono::nanoseconds now{0};
    ConsumerPtr one = process("1:1", "web.service");
    ConsumerPtr two = process("2:1", "web.service");
    ConsumerPtr db = process("3:1", "db.service");
    ConsumerPtr none = process("4:1", "");
};

TEST_F(GroupEnergyTest, AddsUpTheProcessesOfAUnit) {
    tick({{one, 10}, {two, 5}, {db, 7}, {none, 100}});
    tick({{one, 1}, {two, 2}, {db, 0}, {none, 100}});
    const auto units = groups.units(500ms);
    ASSERT_EQ(units.size(), 2U);
    EXPECT_EQ(units[0].name, "db.service");
    EXPECT_EQ(units[0].total_uj, 7U);
    EXPECT_EQ(units[0].power_uw, 0U);
    EXPECT_EQ(units[1].total_uj, 18U);
    EXPECT_EQ(units[1].power_uw, 6U) << "3 µJ in half a second";
    EXPECT_FALSE(groups.units(std::nullopt)[0].power_uw);
    EXPECT_TRUE(groups.containers(1s).empty());
}

// A sum over the series of processes falls when one of them ends: increase() takes that for a
// restart and adds everything that is left once more.
TEST_F(GroupEnergyTest, NeverGoesBackWhenAProcessEnds) {
    tick({{one, 1000}, {two, 5}});
    tick({{two, 5}});
    EXPECT_EQ(total("web.service"), 1010U);
    tick({});
    EXPECT_EQ(total("web.service"), 1010U) << "nor when the last one did";
}

TEST_F(GroupEnergyTest, ForgetsAUnitThatEndedLongAgo) {
    tick({{one, 10}, {db, 3}});
    tick({{db, 1}}, GroupEnergy::kKeepEnded - 1s);
    EXPECT_EQ(total("web.service"), 10U);
    tick({{db, 1}}, 11s);
    EXPECT_FALSE(total("web.service"));
    EXPECT_EQ(total("db.service"), 5U);
}

// A service that sleeps for a day is still there.
TEST_F(GroupEnergyTest, KeepsAUnitWhoseProcessesSleep) {
    tick({{one, 10}});
    for (int hour = 0; hour < 30; ++hour) {
        tick({{one, 0}}, 59min);
    }
    EXPECT_EQ(total("web.service"), 10U);
}

TEST_F(GroupEnergyTest, IsBounded) {
    for (std::size_t i = 0; i < GroupEnergy::kMostGroups + 500; ++i) {
        tick({{process("p", "run-" + std::to_string(i) + ".service"), 1}}, 1ms);
    }
    EXPECT_EQ(groups.units(1s).size(), GroupEnergy::kMostGroups);
}

TEST_F(GroupEnergyTest, TellsContainersApartByWhoMadeThem) {
    auto systems = std::make_shared<Container>();
    systems->id = "abc";
    auto users = std::make_shared<Container>(*systems);
    users->owner = "user@1000.service";
    tick({{process("1:1", "", systems), 5}, {process("2:1", "u", users), 6}});
    const auto containers = groups.containers(1s);
    ASSERT_EQ(containers.size(), 2U);
    EXPECT_EQ(containers[0].name, "abc");
    EXPECT_EQ(containers[0].total_uj, 5U);
    EXPECT_EQ(containers[1].name, "user@1000.service/abc");
    EXPECT_EQ(containers[1].total_uj, 6U);
}

TEST_F(GroupEnergyTest, ShowsAContainerAsItIsKnownNow) {
    auto nameless = std::make_shared<Container>();
    nameless->id = "abc";
    tick({{process("1:1", "", nameless), 5}});
    auto named = std::make_shared<Container>(*nameless);
    named->name = "web";
    tick({{process("1:1", "", named), 5}});
    const auto containers = groups.containers(1s);
    ASSERT_EQ(containers.size(), 1U);
    EXPECT_EQ(containers[0].container->name, "web");
    EXPECT_EQ(containers[0].total_uj, 10U);
}

// Through the meter: what a unit's processes were charged is what the unit is told to have used.
TEST(Meter, TellsTheEnergyOfUnits) {
    test::Rig rig;
    const ConsumerPtr web = process("1:1", "web.service");
    const ConsumerPtr worker = process("2:1", "web.service");
    rig.use({{web, 0s}, {worker, 0s}}, 0s);
    (void)rig.tick();
    rig.use({{web, 300ms}, {worker, 100ms}}, 500ms);
    rig.add_energy(5'000'000);
    SnapshotPtr snapshot = rig.tick();
    ASSERT_EQ(snapshot->units.size(), 1U);
    EXPECT_EQ(snapshot->units[0].total_uj, 4'000'000U);
    EXPECT_EQ(snapshot->units[0].power_uw, 4'000'000U);
    rig.use({{web, 300ms}}, 500ms); // the worker has ended
    rig.add_energy(1'000'000);
    snapshot = rig.tick();
    EXPECT_GE(snapshot->units[0].total_uj, 4'000'000U);
    EXPECT_EQ(snapshot->conservation_error_uj, 0U);
    ASSERT_EQ(snapshot->consumers.size(), 1U);
    EXPECT_GT(snapshot->zones[0].ended_uj, 0U) << "a process that ended is folded at once";
    EXPECT_EQ(rig.meter.ledger().accounts().size(), 1U);
}

} // namespace
} // namespace wattvisor
