// SPDX-License-Identifier: Apache-2.0
#include "common/energy/powercap.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

namespace wattvisor {
namespace {

Result<ZoneList> zones_in(const std::filesystem::path& folder) {
    auto found = discover_zones(folder);
    return found ? Result<ZoneList>(std::move(found->zones)) : found.error();
}

using namespace std::chrono_literals;
using test::FakeTree;
using testing::ElementsAre;
using testing::HasSubstr;

namespace fs = std::filesystem;

constexpr const char* kRange = "262143328850\n";

void zone(const FakeTree& tree, const std::string& id, const std::string& name,
          const std::string& energy) {
    tree.file(id + "/name", name + "\n");
    tree.file(id + "/energy_uj", energy);
    tree.file(id + "/max_energy_range_uj", kRange);
    tree.file(id + "/enabled", "1\n");
}

void two_sockets(const FakeTree& tree) {
    for (const std::string socket : {"0", "1"}) {
        const std::string id = "intel-rapl:" + socket;
        zone(tree, id, "package-" + socket, "100" + socket + "\n");
        zone(tree, id + ":0", "core", "200" + socket + "\n");
        zone(tree, id + ":1", "uncore", "300" + socket + "\n");
        zone(tree, id + ":2", "dram", "400" + socket + "\n");
    }
}

// "ID NAME SOCKET" of each zone.
std::vector<std::string> summary(const ZoneList& zones) {
    std::vector<std::string> lines;
    for (const Zone& found : zones) {
        lines.push_back(found.id + " " + found.name + " " + std::to_string(found.socket));
    }
    return lines;
}

std::vector<std::string> summary(const fs::path& folder) {
    const auto zones = zones_in(folder);
    return zones ? summary(*zones) : std::vector<std::string>{zones.error().message()};
}

// The counters as text, "-" for one that is absent.
std::vector<std::string> values(const Result<EnergySample>& sample) {
    std::vector<std::string> texts;
    for (const auto& counter : sample->counters_uj) {
        texts.push_back(counter ? std::to_string(*counter) : "-");
    }
    return texts;
}

TEST(ParseZoneFolder, TakesTheNumbersFromTheName) {
    const auto package = parse_zone_folder("intel-rapl:12");
    ASSERT_TRUE(package);
    EXPECT_EQ(package->parent, 12U);
    EXPECT_FALSE(package->is_subzone);
    const auto subzone = parse_zone_folder("intel-rapl:1:20");
    ASSERT_TRUE(subzone);
    EXPECT_EQ(subzone->parent, 1U);
    EXPECT_TRUE(subzone->is_subzone);
    EXPECT_EQ(subzone->child, 20U);
}

TEST(ParseZoneFolder, KnowsNoOtherNames) {
    for (const std::string_view name :
         {"", "intel-rapl", "intel-rapl:", "intel-rapl:a", "intel-rapl:0:", "intel-rapl:0:1:2",
          "intel-rapl:0:x", "intel-rapl:-1", "intel-rapl: 0", "intel-rapl:0 ", "intel-rapl-mmio",
          "dtpm:0", "..", "intel-rapl:0/../..", "intel-rapl:99999999999", "INTEL-RAPL:0"}) {
        EXPECT_FALSE(parse_zone_folder(name)) << name;
    }
}

TEST(ParseZoneKind, KnowsTheNamesThatTheKernelGives) {
    EXPECT_EQ(parse_zone_kind("package-0"), ZoneKind::package);
    EXPECT_EQ(parse_zone_kind("package-1-die-0"), ZoneKind::package);
    EXPECT_EQ(parse_zone_kind("core"), ZoneKind::core);
    EXPECT_EQ(parse_zone_kind("uncore"), ZoneKind::uncore);
    EXPECT_EQ(parse_zone_kind("dram"), ZoneKind::dram);
    EXPECT_EQ(parse_zone_kind("psys"), ZoneKind::psys);
    for (const std::string_view name : {"", "package", "package-", "package-x", "package-0-core-1",
                                        "package-0x", "Core", "dram ", "gpu"}) {
        EXPECT_EQ(parse_zone_kind(name), std::nullopt) << name;
    }
}

TEST(ParsePackageNumber, IsTheSocketAlsoOfADie) {
    EXPECT_EQ(parse_package_number("package-0"), 0U);
    EXPECT_EQ(parse_package_number("package-3-die-1"), 3U);
    EXPECT_EQ(parse_package_number("core"), std::nullopt);
}

TEST(DiscoverZones, FindsTwoSocketsWithTheirParts) {
    const FakeTree tree;
    two_sockets(tree);
    EXPECT_THAT(summary(tree.root()),
                ElementsAre("intel-rapl:0 package-0 0", "intel-rapl:0:0 core 0",
                            "intel-rapl:0:1 uncore 0", "intel-rapl:0:2 dram 0",
                            "intel-rapl:1 package-1 1", "intel-rapl:1:0 core 1",
                            "intel-rapl:1:1 uncore 1", "intel-rapl:1:2 dram 1"));
    for (const Zone& found : *zones_in(tree.root())) {
        EXPECT_EQ(found.max_energy_range_uj, 262'143'328'850U) << found.id;
        EXPECT_EQ(found.kind, *parse_zone_kind(found.name)) << found.id;
    }
}

TEST(DiscoverZones, SortsByNumberNotByLetter) {
    const FakeTree tree;
    for (int i = 0; i < 12; ++i) {
        zone(tree, "intel-rapl:" + std::to_string(i), "package-" + std::to_string(i), "1\n");
    }
    const auto zones = zones_in(tree.root());
    ASSERT_TRUE(zones);
    for (unsigned i = 0; i < 12; ++i) {
        EXPECT_EQ((*zones)[i].socket, i);
    }
}

// A laptop has the whole platform as intel-rapl:1. It is no second socket, and it contains the
// package: adding the two counts every joule twice.
TEST(DiscoverZones, KnowsThePlatformByItsNameNotByItsPlace) {
    const FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "1\n");
    zone(tree, "intel-rapl:0:0", "core", "1\n");
    zone(tree, "intel-rapl:1", "psys", "1\n");
    const auto zones = zones_in(tree.root());
    ASSERT_TRUE(zones);
    ASSERT_EQ(zones->size(), 3U);
    EXPECT_EQ((*zones)[2].kind, ZoneKind::psys);
    EXPECT_FALSE(counts_in_total((*zones)[2].kind));
    EXPECT_FALSE(counts_in_total((*zones)[1].kind));
    EXPECT_TRUE(counts_in_total((*zones)[0].kind));
}

// intel-rapl-mmio shows the same package through other registers.
TEST(DiscoverZones, LeavesOutTheSecondInterfaceToTheSameCounter) {
    const FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "1\n");
    zone(tree, "intel-rapl-mmio:0", "package-0", "1\n");
    tree.file("intel-rapl/enabled", "1\n");
    tree.file("intel-rapl-mmio/enabled", "1\n");
    tree.file("dtpm:0/energy_uj", "1\n");
    EXPECT_THAT(summary(tree.root()), ElementsAre("intel-rapl:0 package-0 0"));
}

// With two dies per package the kernel counts folders on, so intel-rapl:2 is socket 1. All energy
// on socket 0, or on a socket that does not exist, is what others made of it.
TEST(DiscoverZones, TakesTheSecondInterfaceWhereItIsTheOnlyOne) {
    FakeTree tree;
    zone(tree, "intel-rapl-mmio:0", "package-0", "1\n");
    zone(tree, "intel-rapl-mmio:0:0", "dram", "1\n");
    EXPECT_THAT(summary(tree.root()),
                ElementsAre("intel-rapl-mmio:0 package-0 0", "intel-rapl-mmio:0:0 dram 0"));
}

TEST(DiscoverZones, TakesFromTheSecondInterfaceWhatTheFirstLacks) {
    FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "1\n");
    zone(tree, "intel-rapl-mmio:0", "package-0", "1\n");
    zone(tree, "intel-rapl-mmio:0:0", "dram", "1\n");
    zone(tree, "intel-rapl-mmio:1", "package-1", "1\n");
    EXPECT_THAT(summary(tree.root()),
                ElementsAre("intel-rapl:0 package-0 0", "intel-rapl-mmio:0:0 dram 0",
                            "intel-rapl-mmio:1 package-1 1"));
}

TEST(DiscoverZones, TakesTheSocketFromThePackagesNameForItsPartsToo) {
    const FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0-die-0", "1\n");
    zone(tree, "intel-rapl:1", "package-0-die-1", "1\n");
    zone(tree, "intel-rapl:1:0", "dram", "1\n");
    zone(tree, "intel-rapl:2", "package-1-die-0", "1\n");
    zone(tree, "intel-rapl:2:0", "dram", "1\n");
    zone(tree, "intel-rapl:3", "package-1-die-1", "1\n");
    EXPECT_THAT(summary(tree.root()),
                ElementsAre("intel-rapl:0 package-0-die-0 0", "intel-rapl:1 package-0-die-1 0",
                            "intel-rapl:1:0 dram 0", "intel-rapl:2 package-1-die-0 1",
                            "intel-rapl:2:0 dram 1", "intel-rapl:3 package-1-die-1 1"));
}

TEST(DiscoverZones, FindsWhatAnAmdProcessorHas) {
    const FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "1\n");
    zone(tree, "intel-rapl:0:0", "core", "1\n");
    EXPECT_THAT(summary(tree.root()),
                ElementsAre("intel-rapl:0 package-0 0", "intel-rapl:0:0 core 0"));
}

// Scaphandre publishes one file and one empty folder, and writes no newline.
TEST(DiscoverZones, MakesDoWithWhatScaphandrePublishes) {
    const FakeTree tree;
    tree.file("intel-rapl:0/energy_uj", "123456");
    tree.folder("intel-rapl:0:0");
    const auto zones = zones_in(tree.root());
    ASSERT_TRUE(zones);
    EXPECT_THAT(summary(*zones), ElementsAre("intel-rapl:0 package-0 0"));
    EXPECT_EQ(zones->front().max_energy_range_uj, 0U);
    PowercapSource source(tree.root());
    EXPECT_THAT(values(source.read(0ns)), ElementsAre("123456"));
}

TEST(DiscoverZones, LeavesOutAZoneOfANameThatItDoesNotKnow) {
    const FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "1\n");
    zone(tree, "intel-rapl:0:0", "flux-capacitor", "1\n");
    tree.file("intel-rapl:0:1/energy_uj", "1\n");
    EXPECT_THAT(summary(tree.root()), ElementsAre("intel-rapl:0 package-0 0"));
}

// The kernel's class folder holds symbolic links into the folders of the devices.
TEST(DiscoverZones, FollowsTheLinksThatTheKernelHas) {
    const FakeTree tree;
    zone(tree, "devices/virtual/powercap/intel-rapl/intel-rapl:0", "package-0", "7\n");
    zone(tree, "devices/virtual/powercap/intel-rapl/intel-rapl:0/intel-rapl:0:0", "core", "5\n");
    const auto folder = tree.folder("class/powercap");
    const std::string devices = "../../devices/virtual/powercap/intel-rapl";
    fs::create_directory_symlink(devices, folder / "intel-rapl");
    fs::create_directory_symlink(devices + "/intel-rapl:0", folder / "intel-rapl:0");
    fs::create_directory_symlink(devices + "/intel-rapl:0/intel-rapl:0:0",
                                 folder / "intel-rapl:0:0");
    EXPECT_THAT(summary(folder), ElementsAre("intel-rapl:0 package-0 0", "intel-rapl:0:0 core 0"));
    PowercapSource source(folder);
    EXPECT_THAT(values(source.read(0ns)), ElementsAre("7", "5"));
}

TEST(DiscoverZones, SaysWhatToTypeWhereThereIsNoFolder) {
    const FakeTree tree;
    const auto zones = zones_in(tree.root() / "powercap");
    ASSERT_FALSE(zones);
    EXPECT_THAT(zones.error().message(), HasSubstr((tree.root() / "powercap").string()));
    EXPECT_THAT(zones.error().hint, HasSubstr("modprobe"));
    EXPECT_THAT(zones.error().hint, HasSubstr("--vm"));
}

TEST(DiscoverZones, SaysWhatToTypeWhereTheFolderIsEmpty) {
    const FakeTree tree;
    const auto zones = zones_in(tree.root());
    ASSERT_FALSE(zones);
    EXPECT_EQ(zones.error().severity, Severity::transient);
    EXPECT_THAT(zones.error().hint, HasSubstr("modprobe"));
}

// The layouts of whole machines, links included.
TEST(DiscoverZones, ReadsTheMachinesOfTheFixtures) {
    const fs::path machines = fs::path(WATTVISOR_FIXTURES) / "machines";
    const std::string powercap = "sys/class/powercap";
    EXPECT_THAT(summary(machines / "intel-two-sockets" / powercap),
                ElementsAre("intel-rapl:0 package-0 0", "intel-rapl:0:0 dram 0",
                            "intel-rapl:1 package-1 1", "intel-rapl:1:0 dram 1"));
    EXPECT_THAT(summary(machines / "intel-laptop" / powercap),
                ElementsAre("intel-rapl:0 package-0 0", "intel-rapl:0:0 core 0",
                            "intel-rapl:0:1 uncore 0", "intel-rapl:1 psys 1"));
    EXPECT_THAT(summary(machines / "amd-server" / powercap),
                ElementsAre("intel-rapl:0 package-0 0", "intel-rapl:0:0 core 0",
                            "intel-rapl:1 package-1 1", "intel-rapl:1:0 core 1"));
}

TEST(PowercapSource, ReadsAllCountersOfOneMoment) {
    const FakeTree tree;
    two_sockets(tree);
    PowercapSource source(tree.root());
    const auto sample = source.read(5s);
    ASSERT_TRUE(sample);
    EXPECT_EQ(sample->time, 5s);
    EXPECT_FALSE(sample->estimated);
    EXPECT_EQ(sample->zones->size(), 8U);
    EXPECT_THAT(values(sample),
                ElementsAre("1000", "2000", "3000", "4000", "1001", "2001", "3001", "4001"));
}

TEST(PowercapSource, MeasuresAnewAtEveryRead) {
    const FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "1\n");
    PowercapSource source(tree.root());
    const auto first = source.read(1s);
    const auto second = source.read(2s);
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->sequence, second->sequence);
    EXPECT_EQ(first->epoch, second->epoch);
    EXPECT_EQ(first->zones, second->zones) << "the list of zones is shared between samples";
}

// Scaphandre #147: one counter that could not be read was 0 in the sum, which then jumped by the
// whole counter: 53 kW.
TEST(PowercapSource, LosesOnlyTheCounterThatCannotBeRead) {
    const FakeTree tree;
    two_sockets(tree);
    PowercapSource source(tree.root());
    ASSERT_TRUE(source.read(1s));
    for (const std::string bad :
         {"", "\n", "garbage\n", "-5\n", "12 34\n", "1.5\n", "99999999999999999999999\n"}) {
        tree.file("intel-rapl:0/energy_uj", bad);
        EXPECT_THAT(values(source.read(2s)),
                    ElementsAre("-", "2000", "3000", "4000", "1001", "2001", "3001", "4001"))
            << '"' << bad << '"';
    }
    tree.file("intel-rapl:0/energy_uj", "1500\n");
    EXPECT_EQ(values(source.read(3s)).front(), "1500");
}

TEST(PowercapSource, SaysWhyACounterIsAbsent) {
    const FakeTree tree;
    two_sockets(tree);
    tree.file("intel-rapl:0/energy_uj", "");
    tree.file("intel-rapl:1/energy_uj", "x");
    PowercapSource source(tree.root());
    const auto sample = source.read(1s);
    ASSERT_TRUE(sample);
    const auto path = [&tree](const char* id) { return (tree.root() / id / "energy_uj").string(); };
    EXPECT_EQ(sample->counters_uj[0].error().message(), path("intel-rapl:0") + ": is empty");
    EXPECT_EQ(sample->counters_uj[4].error().message(),
              path("intel-rapl:1") + ": does not hold a number of microjoules");
}

TEST(PowercapSource, ReadsNumbersThatArePaddedBehindWithNewlines) {
    const FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "42" + std::string(18, '\n'));
    PowercapSource source(tree.root());
    EXPECT_THAT(values(source.read(1s)), ElementsAre("42"));
}

TEST(PowercapSource, HasNoSampleWhenNothingCanBeReadAndGoesOnWhenItCan) {
    const FakeTree tree;
    tree.file("intel-rapl:0/energy_uj", "1");
    PowercapSource source(tree.root());
    ASSERT_TRUE(source.read(1s));
    tree.file("intel-rapl:0/energy_uj", "");
    EXPECT_FALSE(source.read(2s));
    EXPECT_FALSE(source.read(3s));
    tree.file("intel-rapl:0/energy_uj", "2");
    EXPECT_THAT(values(source.read(4s)), ElementsAre("2"));
}

// A VM's agent that starts before its share panicked, or never looked again (Scaphandre #131).
TEST(PowercapSource, WaitsForATreeThatAppearsLater) {
    const FakeTree tree;
    PowercapSource source(tree.root() / "powercap");
    EXPECT_FALSE(source.read(1s));
    tree.folder("powercap");
    EXPECT_FALSE(source.read(2s));
    tree.file("powercap/intel-rapl:0/energy_uj", "3");
    EXPECT_THAT(values(source.read(3s)), ElementsAre("3"));
}

// A deleted file that is kept open keeps its last value for ever, so a new tree in the old one's
// place would never be seen. A counter that stands still is looked up again after some reads.
TEST(PowercapSource, FindsTheTreeThatReplacedTheOneItHadOpen) {
    const FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "10\n");
    PowercapSource source(tree.root());
    ASSERT_TRUE(source.read(0s));
    fs::remove_all(tree.root() / "intel-rapl:0");
    zone(tree, "intel-rapl:0", "package-0", "11\n");
    zone(tree, "intel-rapl:0:0", "dram", "12\n");
    std::vector<std::string> last;
    for (int i = 1; i <= 12; ++i) {
        const auto sample = source.read(std::chrono::seconds(i));
        ASSERT_TRUE(sample);
        last = values(sample);
    }
    EXPECT_THAT(last, ElementsAre("11", "12"));
}

// A kernel module that is loaded or unloaded while the agent runs.
TEST(PowercapSource, FindsZonesThatAppearAndLeavesOutThoseThatVanish) {
    FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "1\n");
    PowercapSource source(tree.root());
    ASSERT_EQ(source.read(1s)->zones->size(), 1U);
    const auto read_ten_times = [&source] {
        std::vector<std::string> last;
        for (int i = 0; i < 10; ++i) {
            last = summary(*source.read(2s)->zones);
        }
        return last;
    };
    zone(tree, "intel-rapl:0:0", "dram", "1\n");
    EXPECT_THAT(read_ten_times(), ElementsAre("intel-rapl:0 package-0 0", "intel-rapl:0:0 dram 0"));
    fs::remove_all(tree.root() / "intel-rapl:0:0");
    EXPECT_THAT(read_ten_times(), ElementsAre("intel-rapl:0 package-0 0"));
}

TEST(PowercapSource, IsAbsentAfterItsTreeWasRemoved) {
    const FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "10\n");
    PowercapSource source(tree.root());
    ASSERT_TRUE(source.read(0s));
    fs::remove_all(tree.root() / "intel-rapl:0");
    bool is_there = true;
    for (int i = 1; i <= 12; ++i) {
        is_there = source.read(std::chrono::seconds(i)).has_value();
    }
    EXPECT_FALSE(is_there);
}

TEST(PowercapSource, TakesAFolderInACountersPlaceForUnreadable) {
    const FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "10\n");
    tree.folder("intel-rapl:1/energy_uj");
    PowercapSource source(tree.root());
    EXPECT_THAT(values(source.read(0s)), ElementsAre("10", "-"));
}

// Since Linux 5.10 energy_uj is 0400 (CVE-2020-8694): the most common first problem of all.
TEST(PowercapSource, SaysWhatToTypeWhereOnlyRootMayRead) {
    const FakeTree tree;
    zone(tree, "intel-rapl:0", "package-0", "10\n");
    fs::permissions(tree.root(), fs::perms(0755));
    fs::permissions(tree.root() / "intel-rapl:0/energy_uj", fs::perms(0));
    const bool is_root = ::geteuid() == 0;
    constexpr uid_t kNobody = 65534;
    ASSERT_TRUE(!is_root || ::seteuid(kNobody) == 0);
    PowercapSource source(tree.root());
    const auto sample = source.read(0s);
    ASSERT_TRUE(!is_root || ::seteuid(0) == 0);
    ASSERT_FALSE(sample);
    EXPECT_THAT(sample.error().message(), HasSubstr("Permission denied"));
    EXPECT_THAT(sample.error().hint, HasSubstr("run as root"));
}

} // namespace
} // namespace wattvisor
