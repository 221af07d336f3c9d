// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/carried_xml.hpp"
#include "virtiofs/domain_xml.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kUuid = "8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a10";
const std::string kId = "0123456789abcdeffedcba9876543210";
const std::string kXmlns = "xmlns:wattvisor='https://wattvisor.dev/xmlns/energy/1'";

std::string domain(const std::string& metadata, const std::string& attributes = {}) {
    return "<domain type='kvm'" + attributes + "><name>x</name><uuid>" + kUuid +
           "</uuid><metadata>" + metadata + "</metadata></domain>";
}

std::string element(const std::string& ledgers, const std::string& vm = kUuid) {
    return "<wattvisor:energy " + kXmlns + " vm='" + vm + "'>" + ledgers + "</wattvisor:energy>";
}

CarriedReading reading(const std::string& xml) {
    const auto parsed = parse_domain(xml);
    EXPECT_TRUE(parsed) << "a bad copy must not make the VM itself unknown";
    return parsed ? parsed->carried : CarriedReading{{}, "not parsed"};
}

CarriedEnergy sample() {
    KindEnergy here;
    here[ZoneKind::package] = 1'234'567'890;
    here[ZoneKind::dram] = 42;
    KindEnergy there;
    there[ZoneKind::core] = 7;
    CarriedEnergy carried;
    carried.raise(*parse_ledger_id(kId), here);
    carried.raise({0, 2}, there);
    return carried;
}

TEST(CarriedXml, IsWrittenForLibvirt) {
    EXPECT_EQ(carried_xml(sample(), kUuid),
              "<energy vm='8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a10'>"
              "<ledger id='00000000000000000000000000000002' core='7'/>"
              "<ledger id='0123456789abcdeffedcba9876543210' package='1234567890' dram='42'/>"
              "</energy>");
}

// As libvirt 9 prints what virDomainSetMetadata() was given: its prefix is on the children too.
TEST(CarriedXml, IsReadFromWhatLibvirtMakesOfIt) {
    const CarriedReading read = reading(
        domain("\n    <other:thing xmlns:other='urn:x'><energy/></other:thing>\n    " +
               element("\n      <wattvisor:ledger id=\"0123456789abcdeffedcba9876543210\" "
                       "package=\"1234567890\" dram=\"42\"/><!-- -->\n      <wattvisor:ledger "
                       "id=\"00000000000000000000000000000002\" core=\"7\"/>\n    ") +
               "\n  "));
    EXPECT_EQ(read.problem, "");
    EXPECT_EQ(read.energy, sample());
}

TEST(CarriedXml, IsKnownByItsNamespaceAndNotByItsPrefix) {
    const std::string ledger = "<ledger id='" + kId + "' package='1'/>";
    for (const std::string& xml :
         {domain("<e:energy xmlns:e='https://wattvisor.dev/xmlns/energy/1' vm='" + kUuid + "'>" +
                 ledger + "</e:energy>"),
          domain("<energy xmlns='https://wattvisor.dev/xmlns/energy/1' vm='" + kUuid + "'>" +
                 ledger + "</energy>"),
          domain("<wattvisor:energy vm='" + kUuid + "'>" + ledger + "</wattvisor:energy>",
                 " " + kXmlns)}) {
        EXPECT_EQ(reading(xml).energy.entries().size(), 1U) << xml;
    }
    for (const std::string& xml : {domain("<wattvisor:energy xmlns:wattvisor='urn:other' vm='" +
                                          kUuid + "'>" + ledger + "</wattvisor:energy>"),
                                   domain("<energy vm='" + kUuid + "'>" + ledger + "</energy>")}) {
        EXPECT_THAT(reading(xml).energy.entries(), IsEmpty()) << xml;
        EXPECT_EQ(reading(xml).problem, "") << xml;
    }
}

TEST(CarriedXml, MayBeMissing) {
    EXPECT_EQ(reading(domain("")).problem, "");
    EXPECT_EQ(reading("<domain><uuid>" + kUuid + "</uuid></domain>").problem, "");
}

// virt-clone copies the metadata. The clone must not begin with what its original used, which would
// then be counted twice.
TEST(CarriedXml, OfAnotherVmIsIgnored) {
    const CarriedReading read = reading(domain(
        element("<ledger id='" + kId + "' package='5'/>", "00000000-0000-4000-8000-000000000001")));
    EXPECT_THAT(read.energy.entries(), IsEmpty());
    EXPECT_THAT(read.problem, HasSubstr("another VM"));
}

// The owner of a VM may get to write metadata. Whatever is in there may do no harm to others, and
// one wrong part must not leave the other parts believed.
TEST(CarriedXml, IsIgnoredAsAWholeIfAnyPartIsWrong) {
    const std::string good = "<ledger id='00000000000000000000000000000002' package='1'/>";
    const std::string id = "<ledger id='" + kId + "' ";
    std::string many;
    for (std::size_t i = 0; i < kMostLedgers; ++i) {
        many += "<ledger id='" + to_string({5, i}) + "' package='1'/>";
    }
    EXPECT_EQ(reading(domain(element(many))).energy.entries().size(), kMostLedgers);
    const std::string huge = "package='" + std::to_string(kMostCarriedUj) + "'/>";
    EXPECT_EQ(reading(domain(element(id + huge))).problem, "");
    for (const std::string& wrong :
         {id + "package='-1'/>", id + "package='1e3'/>", id + "package=''/>",
          id + "package='18446744073709551616'/>", id + "package='18446744073709551615'/>",
          id + "package='" + std::to_string(kMostCarriedUj + 1) + "'/>", id + huge,
          id + "package='1'/>" + id + "package='1'/>", std::string("<ledger package='1'/>"),
          std::string("<ledger id='' package='1'/>"),
          std::string("<ledger id='0123456789ABCDEFfedcba9876543210' package='1'/>"),
          std::string("<ledger id='../../../../../../../../../etc/a' package='1'/>"),
          std::string("<other/>"), std::string("<other:ledgers/>"), many}) {
        const CarriedReading read = reading(domain(element(good + wrong)));
        EXPECT_THAT(read.energy.entries(), IsEmpty()) << wrong.substr(0, 200);
        EXPECT_NE(read.problem, "") << wrong.substr(0, 200);
        EXPECT_LT(read.problem.size(), 100U) << "for the log";
    }
    EXPECT_NE(reading(domain(element(good) + element(good))).problem, "");
    EXPECT_NE(reading(domain(element(good, ""))).problem, "");
    EXPECT_NE(reading(domain(element(good, "x"))).problem, "");
}

TEST(CarriedXml, OfAMegabyteIsIgnored) {
    std::string ledgers;
    while (ledgers.size() < (std::size_t{1} << 20U)) {
        ledgers += "<ledger id='" + to_string({9, ledgers.size() + 1}) + "' package='1'/>";
    }
    EXPECT_THAT(reading(domain(element(ledgers))).problem, HasSubstr("more than 64 ledgers"));
    const std::string one(std::size_t{1} << 20U, '7');
    EXPECT_NE(reading(domain(element("<ledger id='" + kId + "' package='" + one + "'/>"))).problem,
              "");
}

TEST(CarriedXml, AtItsLargestIsSmallAndReadable) {
    CarriedEnergy full;
    for (std::size_t i = 0; i < kMostLedgers; ++i) {
        KindEnergy energy;
        energy.uj.fill(kMostCarriedUj / kMostLedgers);
        full.raise({~std::uint64_t{0} - i, ~std::uint64_t{0}}, energy);
    }
    ASSERT_TRUE(full.is_plausible());
    std::string xml = carried_xml(full, kUuid);
    EXPECT_LT(xml.size(), std::size_t{16} << 10U);
    xml.insert(xml.find(' '), " xmlns='https://wattvisor.dev/xmlns/energy/1'");
    EXPECT_EQ(reading(domain(xml)).energy, full);
}

} // namespace
} // namespace wattvisor
