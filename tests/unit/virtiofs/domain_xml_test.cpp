// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/domain_xml.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string device_text = "    <filesystem type='mount' accessmode='passthrough'>\n"
                                "      <driver type='virtiofs'/>\n"
                                "      <binary>\n"
                                "        <cache mode='none'/>\n"
                                "      </binary>\n"
                                "      <source dir='/shares/vm 1'/>\n"
                                "      <target dir='scaphandre'/>\n"
                                "    </filesystem>\n";
const std::string backing_text = "  <memoryBacking>\n"
                                 "    <source type='memfd'/>\n"
                                 "    <access mode='shared'/>\n"
                                 "  </memoryBacking>\n";

std::string domain(const std::string& memory, const std::string& devices) {
    return "<domain type='kvm' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
           "  <name>vm 1</name>\n"
           "  <uuid>8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a10</uuid>\n"
           "  <title>Build &amp; test</title>\n"
           "  <currentMemory unit='KiB'>1</currentMemory>\n" +
           memory +
           "  <vcpu placement='static' current='2'>4</vcpu>\n"
           "  <devices>\n"
           "    <emulator>/usr/bin/kvm</emulator>\n" +
           devices +
           "  </devices>\n"
           "  <qemu:commandline>\n"
           "    <qemu:arg value='-foo'/>\n"
           "  </qemu:commandline>\n"
           "</domain>\n";
}

TEST(ParseDomain, ReadsAnEnrolledDomain) {
    const auto parsed = parse_domain(domain(backing_text, device_text));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->uuid, "8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a10");
    EXPECT_EQ(parsed->name, "vm 1");
    EXPECT_EQ(parsed->title, "Build & test");
    EXPECT_EQ(parsed->vcpus, 2U);
    EXPECT_EQ(parsed->share_source, "/shares/vm 1");
    EXPECT_TRUE(parsed->shared_memory);
    EXPECT_FALSE(parsed->shares_over_9p);
}

TEST(ParseDomain, ReadsAPlainDomain) {
    const auto parsed = parse_domain(domain("", ""));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->share_source, "");
    EXPECT_FALSE(parsed->shared_memory);
}

TEST(ParseDomain, TellsOf9p) {
    const auto parsed = parse_domain(
        domain("", "<filesystem type='mount'><source dir='/x'/><target dir='scaphandre'/>"
                   "</filesystem>"));
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->shares_over_9p);
    EXPECT_EQ(parsed->share_source, "");
}

TEST(ParseDomain, IgnoresOtherShares) {
    const auto parsed = parse_domain(
        domain(backing_text, "<filesystem type='mount'><driver type='virtiofs'/><source dir='/x'/>"
                             "<target dir='data'/></filesystem>"));
    EXPECT_EQ(parsed->share_source, "");
}

TEST(ParseDomain, MemoryOfNumaCellsOverridesTheBacking) {
    const auto shared = [](const std::string& memory) {
        return parse_domain(domain(memory, ""))->shared_memory;
    };
    EXPECT_TRUE(shared("<cpu><numa><cell memAccess='shared'/></numa></cpu>"));
    EXPECT_TRUE(shared(backing_text + "<cpu><numa><cell/></numa></cpu>"));
    EXPECT_FALSE(
        shared(backing_text + "<cpu><numa><cell/><cell memAccess='private'/></numa></cpu>"));
    EXPECT_FALSE(shared("<cpu><numa><cell memAccess='shared'/><cell/></numa></cpu>"));
}

TEST(ParseDomain, NeedsAUuid) {
    EXPECT_FALSE(parse_domain("<domain><name>x</name></domain>"));
    EXPECT_FALSE(parse_domain("<domain><uuid>../../etc</uuid></domain>"));
}

TEST(AddShare, AddsMemoryAndDeviceAndKeepsTheRest) {
    const auto edit = add_share(domain("", ""), "/shares/vm 1");
    ASSERT_TRUE(edit);
    EXPECT_EQ(edit->xml, domain(backing_text, device_text));
    EXPECT_EQ(edit->changes.size(), 3U);
}

TEST(AddShare, IsIdempotent) {
    const std::string enrolled = domain(backing_text, device_text);
    const auto edit = add_share(enrolled, "/shares/vm 1");
    ASSERT_TRUE(edit);
    EXPECT_FALSE(edit->changed());
    EXPECT_EQ(edit->xml, enrolled);
}

TEST(AddShare, FollowsARenamedFolder) {
    const auto edit = add_share(domain(backing_text, device_text), "/shares/new");
    EXPECT_EQ(parse_domain(edit->xml)->share_source, "/shares/new");
    EXPECT_EQ(edit->changes.size(), 1U);
}

TEST(AddShare, NamesAVirtiofsd) {
    const auto edit = add_share(domain("", ""), "/x", "/usr/libexec/virtiofsd");
    EXPECT_THAT(edit->xml, HasSubstr("<binary path='/usr/libexec/virtiofsd'>"));
}

// The seed's own device has no <binary>: it gets the cache mode, its other settings stay.
TEST(AddShare, CompletesADeviceMadeByHand) {
    const auto edit =
        add_share(domain("", "    <filesystem type='mount' accessmode='passthrough'>\n"
                             "      <driver type='virtiofs' queue='512'/>\n"
                             "      <source dir='/x'/>\n"
                             "      <target dir='scaphandre'/>\n"
                             "    </filesystem>\n"),
                  "/x");
    ASSERT_TRUE(edit);
    EXPECT_THAT(edit->xml, HasSubstr("<cache mode='none'/>"));
    EXPECT_THAT(edit->xml, HasSubstr("queue='512'"));
    EXPECT_FALSE(add_share(edit->xml, "/x")->changed());
}

TEST(AddShare, KeepsAChosenCacheMode) {
    std::string device = device_text;
    device.replace(device.find("'none'"), 6, "'always'");
    EXPECT_FALSE(add_share(domain(backing_text, device), "/shares/vm 1")->changed());
}

TEST(AddShare, KeepsMemoryThatCanBeMapped) {
    for (const char* kept : {"<hugepages/>", "<source type='file'/>"}) {
        const std::string memory = std::string("<memoryBacking>") + kept +
                                   "<nosharepages/><access mode='shared'/>" + "</memoryBacking>\n";
        EXPECT_FALSE(add_share(domain(memory, device_text), "/shares/vm 1")->changed()) << kept;
    }
}

TEST(AddShare, MakesPrivateOrAnonymousMemoryShared) {
    const auto edit = add_share(
        domain("  <memoryBacking>\n    <source type='anonymous'/>\n    <access mode='private'/>\n"
               "  </memoryBacking>\n",
               device_text),
        "/shares/vm 1");
    ASSERT_TRUE(edit);
    EXPECT_EQ(edit->xml, domain(backing_text, device_text));
    EXPECT_EQ(edit->changes.size(), 2U);
}

TEST(AddShare, MakesNumaCellsShared) {
    const auto edit =
        add_share(domain("<cpu><numa><cell id='0' memAccess='private'/></numa></cpu>", ""), "/x");
    EXPECT_TRUE(parse_domain(edit->xml)->shared_memory);
    EXPECT_FALSE(add_share(edit->xml, "/x")->changed());
    const auto fine =
        add_share(domain("<cpu><numa><cell id='0' memAccess='shared'/></numa></cpu>", ""), "/x");
    EXPECT_THAT(fine->xml, Not(HasSubstr("memoryBacking")));
}

TEST(AddShare, RefusesADeviceThatIsNotOurs) {
    for (const char* device :
         {"<filesystem><source dir='/x'/><target dir='scaphandre'/></filesystem>",
          "<filesystem><driver type='virtiofs'/><source socket='/s'/><target dir='scaphandre'/>"
          "</filesystem>"}) {
        const auto edit = add_share(domain("", device), "/x");
        ASSERT_FALSE(edit);
        EXPECT_THAT(edit.error().message(), HasSubstr("virsh edit"));
    }
}

TEST(AddShare, EscapesThePath) {
    const std::string path = "/x/a'b\"<c>&d,e=ü";
    const auto edit = add_share(domain("", ""), path);
    EXPECT_EQ(parse_domain(edit->xml)->share_source, path);
}

TEST(AddShare, MakesMissingDevices) {
    const auto edit =
        add_share("<domain><uuid>8fd62e75-2a53-4b1c-9b0e-5f1f0c2d7a10</uuid></domain>", "/x");
    EXPECT_EQ(parse_domain(edit->xml)->share_source, "/x");
}

TEST(RemoveShare, TakesBackTheDeviceAndNothingElse) {
    const auto edit = remove_share(domain(backing_text, device_text));
    ASSERT_TRUE(edit);
    EXPECT_EQ(edit->xml, domain(backing_text, ""));
    const auto again = remove_share(edit->xml);
    EXPECT_FALSE(again->changed());
    EXPECT_EQ(again->xml, edit->xml);
}

TEST(RemoveShare, Leaves9pAndOtherTags) {
    const std::string xml =
        domain("", "<filesystem><target dir='scaphandre'/></filesystem>"
                   "<filesystem><driver type='virtiofs'/><target dir='data'/></filesystem>");
    EXPECT_FALSE(remove_share(xml)->changed());
}

TEST(DomainXmlEdits, RefuseGarbage) {
    for (const char* xml : {"", "<domain", "<network/>"}) {
        EXPECT_FALSE(parse_domain(xml));
        EXPECT_FALSE(add_share(xml, "/x"));
        EXPECT_FALSE(remove_share(xml));
    }
}

TEST(ShareDeviceXml, IsWhatAddShareAdds) {
    EXPECT_EQ(share_device_xml("/x"), "<filesystem type='mount' accessmode='passthrough'>\n"
                                      "  <driver type='virtiofs' />\n"
                                      "  <binary>\n"
                                      "    <cache mode='none' />\n"
                                      "  </binary>\n"
                                      "  <source dir='/x' />\n"
                                      "  <target dir='scaphandre' />\n"
                                      "</filesystem>\n");
}

} // namespace
} // namespace wattvisor
