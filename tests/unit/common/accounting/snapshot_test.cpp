// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/snapshot.hpp"

#include <gtest/gtest.h>

namespace wattvisor {
namespace {

ZoneAccount account(ZoneKind kind, std::uint64_t total_uj, std::optional<std::uint64_t> power_uw) {
    ZoneAccount made;
    made.zone.kind = kind;
    made.listed = true;
    made.total_uj = total_uj;
    made.power_uw = power_uw;
    return made;
}

// psys contains the packages, and a package its core and uncore: only packages and dram lie side by
// side. Adding all zones counts the same joule up to three times.
TEST(Snapshot, AddsUpOnlyWhatLiesSideBySide) {
    Snapshot snapshot;
    snapshot.zones = {account(ZoneKind::package, 100, 10), account(ZoneKind::core, 40, 4),
                      account(ZoneKind::uncore, 5, 1), account(ZoneKind::dram, 7, 2),
                      account(ZoneKind::psys, 150, 20)};
    EXPECT_EQ(snapshot.energy_uj(), 107U);
    EXPECT_EQ(snapshot.power_uw(), 12U);
}

TEST(Snapshot, HasNoPowerWhereAPartIsMissing) {
    Snapshot snapshot;
    snapshot.zones = {account(ZoneKind::package, 100, 10),
                      account(ZoneKind::package, 100, std::nullopt)};
    EXPECT_EQ(snapshot.power_uw(), std::nullopt);
    EXPECT_EQ(snapshot.energy_uj(), 200U);
}

TEST(Snapshot, NeedsNoPowerOfZonesThatAreNotAddedUp) {
    Snapshot snapshot;
    snapshot.zones = {account(ZoneKind::package, 100, 10),
                      account(ZoneKind::core, 40, std::nullopt),
                      account(ZoneKind::psys, 140, std::nullopt)};
    EXPECT_EQ(snapshot.power_uw(), 10U);
}

TEST(Snapshot, WithoutZonesHasNoPowerRatherThanNoWatts) {
    EXPECT_EQ(Snapshot{}.power_uw(), std::nullopt);
    EXPECT_EQ(Snapshot{}.energy_uj(), 0U);
}

TEST(ConsumerAccount, AddsUpOnlyWhatLiesSideBySide) {
    const std::vector<ZoneAccount> zones{account(ZoneKind::package, 0, 0),
                                         account(ZoneKind::core, 0, 0),
                                         account(ZoneKind::dram, 0, 0)};
    ConsumerAccount consumer;
    consumer.total_uj = {10, 5, 3};
    EXPECT_EQ(consumer.energy_uj(zones), 13U);
    consumer.total_uj = {10};
    EXPECT_EQ(consumer.energy_uj(zones), 10U) << "it was not there when the others appeared";
}

} // namespace
} // namespace wattvisor
