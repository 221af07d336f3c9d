// SPDX-License-Identifier: Apache-2.0
// The part of carried_xml that works on a parsed document, for parse_domain() alone: so that nobody
// else sees pugixml.
#pragma once

#include "virtiofs/carried_xml.hpp"

#include <pugixml.hpp>

#include <string_view>

namespace wattvisor {

// From a domain's <metadata>, which may be null. `uuid` is the domain's, in lower case.
[[nodiscard]] CarriedReading read_carried(pugi::xml_node metadata, std::string_view uuid);

} // namespace wattvisor
