// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/domain_document.hpp"
#include "virtiofs/domain_xml.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using ::testing::HasSubstr;

std::string problem_of(std::string_view xml) {
    const auto document = DomainDocument::parse(xml);
    return document ? std::string() : document.error().message();
}

TEST(DomainDocument, GivesBackWhatLibvirtPrints) {
    const std::string xml =
        "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
        "  <!-- a comment -->\n"
        "  <name>a &amp; b &lt;&gt;</name>\n"
        "  <metadata><x:y xmlns:x='urn:x' z='&quot;&apos;'><![CDATA[<raw>]]></x:y></metadata>\n"
        "  <qemu:commandline>\n    <qemu:arg value='-foo'/>\n  </qemu:commandline>\n"
        "</domain>\n";
    std::string expected = xml;
    // The one difference: a quote that needs no escape in single quotes.
    expected.replace(expected.find("&quot;"), 6, "\"");
    EXPECT_EQ(DomainDocument::parse(xml)->text(), expected);
}

TEST(DomainDocument, KeepsADeclaration) {
    EXPECT_THAT(DomainDocument::parse("<?xml version='1.0'?>\n<domain/>")->text(),
                HasSubstr("<?xml version='1.0'?>"));
}

TEST(DomainDocument, RefusesGarbage) {
    for (const char* xml : {"", "   ", "hello", "<domain>", "<domain></domian>", "<a/>", "<",
                            "\xff\xfe", "<domain><a b=c/></domain>"}) {
        EXPECT_NE(problem_of(xml), "") << xml;
    }
    EXPECT_THAT(problem_of(std::string("<domain>\0</domain>", 18)), HasSubstr("NUL"));
}

// "Billion laughs": entities that grow by ten at each level.
TEST(DomainDocument, RefusesEntitiesOfItsOwn) {
    EXPECT_THAT(problem_of("<!DOCTYPE d [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
                           "<domain><name>&b;</name></domain>"),
                HasSubstr("DOCTYPE"));
}

TEST(DomainDocument, RefusesHugeText) {
    std::string xml = "<domain><name>";
    xml.append(kLargestDomainXml, 'x').append("</name></domain>");
    EXPECT_THAT(problem_of(xml), HasSubstr("larger than 4 MiB"));
}

TEST(DomainDocument, RefusesDeepNesting) {
    std::string xml = "<domain>";
    for (int i = 0; i < 500'000; ++i) {
        xml += "<a>";
    }
    for (int i = 0; i < 500'000; ++i) {
        xml += "</a>";
    }
    EXPECT_THAT(problem_of(xml + "</domain>"), HasSubstr("nested deeper"));
}

TEST(InsertElement, IndentsAsTheNeighbours) {
    const auto document =
        DomainDocument::parse("<domain>\n  <a/>\n  <devices>\n  </devices>\n</domain>");
    insert_element(document->domain(), "b", document->domain().child("a"));
    insert_element(document->domain().child("devices"), "c");
    insert_element(document->domain(), "d");
    EXPECT_EQ(document->text(), "<domain>\n  <a/>\n  <b/>\n  <devices>\n    <c/>\n  </devices>\n"
                                "  <d/>\n</domain>");
}

TEST(InsertElement, AddsNoBlanksWhereThereAreNone) {
    const auto document = DomainDocument::parse("<domain><a/></domain>");
    insert_element(insert_element(document->domain(), "b"), "c");
    EXPECT_EQ(document->text(), "<domain><a/><b><c/></b></domain>");
}

} // namespace
} // namespace wattvisor
