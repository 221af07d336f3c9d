// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/domain_document.hpp"

#include "virtiofs/domain_xml.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace wattvisor {

namespace {

// Whitespace and comments are kept, so that an edited XML differs in what was edited. End-of-line
// and attribute normalisation are what every XML parser must do.
constexpr unsigned kParseFlags = pugi::parse_full | pugi::parse_ws_pcdata;
// As libvirt itself prints: single quotes, and no declaration where there was none.
constexpr unsigned kPrintFlags =
    pugi::format_raw | pugi::format_no_declaration | pugi::format_attribute_single_quote;
// As libxml2's own limit. pugixml frees nodes by recursion, so depth is stack.
constexpr int kDeepest = 256;
constexpr const char* kWhere = "domain XML";

Error unusable(std::string what) {
    return Error{Severity::fatal, std::move(what), kWhere,
                 "Look at the XML with 'virsh dumpxml NAME'"};
}

class Inspector final : public pugi::xml_tree_walker {
public:
    bool for_each(pugi::xml_node& node) override {
        has_doctype = has_doctype || node.type() == pugi::node_doctype;
        deepest = std::max(deepest, depth());
        return !has_doctype && deepest <= kDeepest;
    }

    bool has_doctype = false;
    int deepest = 0;
};

class StringWriter final : public pugi::xml_writer {
public:
    void write(const void* data, std::size_t size) override {
        text.append(static_cast<const char*>(data), size);
    }

    std::string text;
};

bool is_blank(pugi::xml_node node) {
    return node.type() == pugi::node_pcdata &&
           std::string_view(node.value()).find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// The newline and blanks before the first child: how children of this element are indented.
std::string child_indent(pugi::xml_node parent) {
    const pugi::xml_node first = parent.first_child();
    if (is_blank(first)) {
        // An element that holds nothing but whitespace says how its end is indented.
        return first.next_sibling() ? first.value() : std::string(first.value()) + "  ";
    }
    const pugi::xml_node before = parent.previous_sibling();
    if (first || !is_blank(before)) {
        return {};
    }
    return std::string(before.value()) + "  ";
}

} // namespace

Result<DomainDocument> DomainDocument::parse(std::string_view xml) {
    if (xml.size() > kLargestDomainXml) {
        return unusable("larger than " + std::to_string(kLargestDomainXml >> 20U) + " MiB");
    }
    if (xml.find('\0') != std::string_view::npos) {
        return unusable("it holds a NUL character");
    }
    DomainDocument result;
    // libvirt writes UTF-8 only; guessing the encoding would let a text mean two things.
    const auto parsed =
        result.document_.load_buffer(xml.data(), xml.size(), kParseFlags, pugi::encoding_utf8);
    if (!parsed) {
        return unusable("not well-formed at byte " + std::to_string(parsed.offset) + ": " +
                        parsed.description());
    }
    Inspector inspector;
    result.document_.traverse(inspector);
    if (inspector.has_doctype) {
        return unusable("it has a DOCTYPE, which no XML of libvirt's has");
    }
    if (inspector.deepest > kDeepest) {
        return unusable("nested deeper than " + std::to_string(kDeepest) + " elements");
    }
    if (std::string_view(result.domain().name()) != "domain") {
        return unusable("its outermost element is not <domain>");
    }
    result.end_ = xml.substr(xml.find_last_not_of(" \t\r\n") + 1);
    return result;
}

pugi::xml_node DomainDocument::share_device() const {
    pugi::xml_node found;
    for (const pugi::xml_node device : domain().child("devices").children("filesystem")) {
        if (std::string_view(device.child("target").attribute("dir").value()) != kShareTag) {
            continue;
        }
        if (is_virtiofs(device)) {
            return device;
        }
        found = device;
    }
    return found;
}

std::string DomainDocument::text() const {
    unsigned flags = kPrintFlags;
    const pugi::xml_node first = document_.first_child();
    if (first.type() == pugi::node_declaration) {
        flags &= ~pugi::format_no_declaration;
    }
    StringWriter writer;
    document_.save(writer, "", flags, pugi::encoding_utf8);
    return std::move(writer.text) + end_;
}

bool is_virtiofs(pugi::xml_node filesystem) {
    return std::string_view(filesystem.child("driver").attribute("type").value()) == "virtiofs";
}

pugi::xml_node insert_element(pugi::xml_node parent, const char* name, pugi::xml_node after) {
    const std::string indent = child_indent(parent);
    const bool was_empty = !parent.first_child();
    if (!after) {
        after = parent.last_child();
        if (is_blank(after)) {
            after = after.previous_sibling(); // what is left indents the end of the parent
            if (!after) {
                parent.remove_child(parent.first_child());
                return insert_element(parent, name);
            }
        }
    }
    pugi::xml_node blank;
    if (!indent.empty()) {
        blank = after ? parent.insert_child_after(pugi::node_pcdata, after)
                      : parent.prepend_child(pugi::node_pcdata);
        blank.set_value(indent.c_str());
        after = blank;
    }
    const pugi::xml_node element =
        after ? parent.insert_child_after(name, after) : parent.prepend_child(name);
    if (was_empty && !indent.empty()) {
        parent.append_child(pugi::node_pcdata)
            .set_value(indent.substr(0, indent.size() - 2).c_str());
    }
    return element;
}

pugi::xml_node require_element(pugi::xml_node parent, const char* name) {
    const pugi::xml_node present = parent.child(name);
    return present ? present : insert_element(parent, name);
}

void remove_element(pugi::xml_node element) {
    pugi::xml_node parent = element.parent();
    const pugi::xml_node before = element.previous_sibling();
    if (is_blank(before)) {
        parent.remove_child(before);
    }
    parent.remove_child(element);
}

bool set_attribute(pugi::xml_node element, const char* name, const char* value) {
    pugi::xml_attribute attribute = element.attribute(name);
    if (attribute && std::string_view(attribute.value()) == value) {
        return false;
    }
    if (!attribute) {
        attribute = element.append_attribute(name);
    }
    attribute.set_value(value);
    return true;
}

std::string print(const pugi::xml_node& node, unsigned flags) {
    StringWriter writer;
    node.print(writer, "  ", flags | pugi::format_attribute_single_quote, pugi::encoding_utf8);
    return std::move(writer.text);
}

} // namespace wattvisor
