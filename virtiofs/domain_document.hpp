// SPDX-License-Identifier: Apache-2.0
// A domain's XML as a tree: parsing within bounds, the few places of it that the share is about,
// and writing it back as libvirt writes it. Only for virtiofs/domain_xml.cpp and its edits, so that
// nobody else sees pugixml. Never prints what it did not parse.
#pragma once

#include "common/base/error.hpp"

#include <pugixml.hpp>

#include <string>
#include <string_view>

namespace wattvisor {

class DomainDocument {
public:
    [[nodiscard]] static Result<DomainDocument> parse(std::string_view xml);

    [[nodiscard]] pugi::xml_node domain() const { return document_.document_element(); }
    // The device with our tag; null if there is none. virtiofs goes before 9p.
    [[nodiscard]] pugi::xml_node share_device() const;
    [[nodiscard]] std::string text() const;

private:
    pugi::xml_document document_;
    std::string end_; // the blanks behind the outermost element, which pugixml leaves out
};

[[nodiscard]] bool is_virtiofs(pugi::xml_node filesystem);

// Inserts an element into `parent`, indented as its neighbours are: behind `after`, or at the end.
pugi::xml_node insert_element(pugi::xml_node parent, const char* name, pugi::xml_node after = {});

// The child, made if it is missing.
pugi::xml_node require_element(pugi::xml_node parent, const char* name);

// Removes an element and the line that it stood on.
void remove_element(pugi::xml_node element);

// Sets an attribute; false if it had that value already.
bool set_attribute(pugi::xml_node element, const char* name, const char* value);

[[nodiscard]] std::string print(const pugi::xml_node& node, unsigned flags);

} // namespace wattvisor
