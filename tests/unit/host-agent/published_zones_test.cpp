// SPDX-License-Identifier: Apache-2.0
#include "common/energy/powercap.hpp"
#include "host-agent/published_zones.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <string>
#include <vector>

namespace wattvisor::host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct HostZone {
    std::string name;
    ZoneKind kind;
    unsigned socket;
};

// Folder numbers do not matter here: what counts is the kind and the socket.
std::vector<ZoneAccount> host_of(const std::vector<HostZone>& zones) {
    std::vector<ZoneAccount> accounts;
    for (const HostZone& zone : zones) {
        ZoneAccount account;
        account.zone = Zone{"intel-rapl:" + std::to_string(accounts.size()), zone.name, zone.kind,
                            zone.socket, 262'143'328'850};
        accounts.push_back(account);
    }
    return accounts;
}

// "ID NAME SOCKET = SOURCE+SOURCE"
std::vector<std::string> described(const std::vector<PublishedZone>& published) {
    std::vector<std::string> lines;
    for (const PublishedZone& zone : published) {
        std::string line =
            zone.zone.id + " " + zone.zone.name + " " + std::to_string(zone.zone.socket) + " =";
        for (const std::size_t source : zone.sources) {
            line += " " + std::to_string(source);
        }
        lines.push_back(line);
    }
    return lines;
}

std::vector<ZoneAccount> two_full_sockets() {
    return host_of({{"package-0", ZoneKind::package, 0},
                    {"core", ZoneKind::core, 0},
                    {"uncore", ZoneKind::uncore, 0},
                    {"dram", ZoneKind::dram, 0},
                    {"package-1", ZoneKind::package, 1},
                    {"core", ZoneKind::core, 1},
                    {"uncore", ZoneKind::uncore, 1},
                    {"dram", ZoneKind::dram, 1},
                    {"psys", ZoneKind::psys, 0}});
}

TEST(PublishedZones, AreOnePackageHoweverManySocketsTheHostHas) {
    EXPECT_THAT(described(publish_zones(two_full_sockets(), ShareLayout::merged)),
                ElementsAre("intel-rapl:0 package-0 0 = 0 4", "intel-rapl:0:0 core 0 = 1 5",
                            "intel-rapl:0:1 uncore 0 = 2 6", "intel-rapl:0:2 dram 0 = 3 7"));
}

TEST(PublishedZones, ArePerSocketWhereAsked) {
    EXPECT_THAT(described(publish_zones(two_full_sockets(), ShareLayout::per_socket)),
                ElementsAre("intel-rapl:0 package-0 0 = 0", "intel-rapl:0:0 core 0 = 1",
                            "intel-rapl:0:1 uncore 0 = 2", "intel-rapl:0:2 dram 0 = 3",
                            "intel-rapl:1 package-1 1 = 4", "intel-rapl:1:0 core 1 = 5",
                            "intel-rapl:1:1 uncore 1 = 6", "intel-rapl:1:2 dram 1 = 7"));
}

TEST(PublishedZones, KeepTheNumbersOfSocketsThatAreNotContiguous) {
    const auto host = host_of({{"package-0", ZoneKind::package, 0},
                               {"package-2", ZoneKind::package, 2},
                               {"dram", ZoneKind::dram, 2}});
    EXPECT_THAT(described(publish_zones(host, ShareLayout::per_socket)),
                ElementsAre("intel-rapl:0 package-0 0 = 0", "intel-rapl:2 package-2 2 = 1",
                            "intel-rapl:2:0 dram 2 = 2"));
    EXPECT_THAT(described(publish_zones(host, ShareLayout::merged)),
                ElementsAre("intel-rapl:0 package-0 0 = 0 1", "intel-rapl:0:0 dram 0 = 2"));
}

TEST(PublishedZones, AreNumberedWithoutGapsWhereASubzoneIsMissing) {
    const auto host = host_of({{"dram", ZoneKind::dram, 0}, {"package-0", ZoneKind::package, 0}});
    EXPECT_THAT(described(publish_zones(host, ShareLayout::merged)),
                ElementsAre("intel-rapl:0 package-0 0 = 1", "intel-rapl:0:0 dram 0 = 0"));
}

// Server processors of AMD have a package and its cores, and no dram.
TEST(PublishedZones, OfAmdArePackageAndCore) {
    const auto host = host_of({{"package-0", ZoneKind::package, 0}, {"core", ZoneKind::core, 0}});
    EXPECT_THAT(described(publish_zones(host, ShareLayout::merged)),
                ElementsAre("intel-rapl:0 package-0 0 = 0", "intel-rapl:0:0 core 0 = 1"));
}

// Processors of several dies have a package zone for each: one socket all the same.
TEST(PublishedZones, AddUpTheDiesOfASocket) {
    const auto host = host_of({{"package-0-die-0", ZoneKind::package, 0},
                               {"package-0-die-1", ZoneKind::package, 0},
                               {"package-1-die-0", ZoneKind::package, 1}});
    EXPECT_THAT(described(publish_zones(host, ShareLayout::per_socket)),
                ElementsAre("intel-rapl:0 package-0 0 = 0 1", "intel-rapl:1 package-1 1 = 2"));
}

// The platform contains the packages: in a share it would be the same joule twice.
TEST(PublishedZones, NeverShowPsys) {
    const auto host = host_of({{"psys", ZoneKind::psys, 0}, {"package-0", ZoneKind::package, 0}});
    for (const auto layout : {ShareLayout::merged, ShareLayout::per_socket}) {
        EXPECT_THAT(described(publish_zones(host, layout)),
                    ElementsAre("intel-rapl:0 package-0 0 = 1"));
    }
}

TEST(PublishedZones, AreNoneWithoutAPackage) {
    EXPECT_THAT(publish_zones({}, ShareLayout::merged), IsEmpty());
    const auto host = host_of({{"psys", ZoneKind::psys, 0}, {"dram", ZoneKind::dram, 0}});
    EXPECT_THAT(publish_zones(host, ShareLayout::merged), IsEmpty());
    EXPECT_THAT(publish_zones(host, ShareLayout::per_socket), IsEmpty());
}

// Our own reader and everybody else's must take the folder and the name for what they are.
TEST(PublishedZones, AreNamedAsTheKernelNamesThem) {
    for (const auto layout : {ShareLayout::merged, ShareLayout::per_socket}) {
        for (const PublishedZone& published : publish_zones(two_full_sockets(), layout)) {
            EXPECT_TRUE(parse_zone_folder(published.zone.id)) << published.zone.id;
            EXPECT_EQ(parse_zone_kind(published.zone.name), published.zone.kind);
        }
    }
}

TEST(PublishedZones, HaveTheLargestRangeThatASignedReaderTakes) {
    for (const PublishedZone& published : publish_zones(two_full_sockets(), ShareLayout::merged)) {
        EXPECT_EQ(published.zone.max_energy_range_uj,
                  static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    }
}

TEST(PublishedEnergy, IsTheSumOfItsSources) {
    ConsumerAccount vm;
    vm.total_uj = {1, 20, 300, 4000, 50'000, 600'000, 7'000'000, 80'000'000, 900'000'000};
    const auto published = publish_zones(two_full_sockets(), ShareLayout::merged);
    std::vector<std::uint64_t> energy;
    for (const PublishedZone& zone : published) {
        energy.push_back(published_energy_uj(zone, vm));
    }
    EXPECT_THAT(energy, ElementsAre(50'001, 600'020, 7'000'300, 80'004'000));
}

} // namespace
} // namespace wattvisor::host
