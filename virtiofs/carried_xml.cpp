// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/carried_xml.hpp"

#include "common/base/text_file.hpp"
#include "virtiofs/carried_document.hpp"
#include "virtiofs/share_paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

namespace wattvisor {

namespace {

// The attribute of each kind, in the order of kCarriedKinds.
static_assert(kZoneKindNames.size() == kCarriedKinds.size());

// Caught in read_carried(): the way out of a copy that cannot be believed.
struct Unbelievable : std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::string_view local_name(pugi::xml_node element) {
    const std::string_view name = element.name();
    return name.substr(name.find(':') + 1); // npos + 1 is 0
}

// The namespace that an element is in: declared by itself or by an element around it. libvirt
// writes its declaration on our element, and its prefix on all that is inside.
std::string_view namespace_of(pugi::xml_node element) {
    const std::string_view name = element.name();
    const auto colon = name.find(':');
    const std::string declaration =
        colon == std::string_view::npos ? "xmlns" : "xmlns:" + std::string(name.substr(0, colon));
    for (; element; element = element.parent()) {
        if (const auto attribute = element.attribute(declaration.c_str())) {
            return attribute.value();
        }
    }
    return {};
}

KindEnergy read_energy(pugi::xml_node ledger) {
    KindEnergy energy;
    for (std::size_t i = 0; i < kZoneKindNames.size(); ++i) {
        const auto attribute = ledger.attribute(std::string(kZoneKindNames.at(i)).c_str());
        if (!attribute) {
            continue; // a host without such a zone
        }
        const auto uj = parse_number(attribute.value());
        if (!uj || *uj > kMostCarriedUj) {
            throw Unbelievable(std::string("the ").append(kZoneKindNames.at(i)) +
                               " energy of a ledger is no number of microjoules");
        }
        energy.uj.at(i) = *uj;
    }
    return energy;
}

CarriedEnergy read_element(pugi::xml_node element, std::string_view uuid) {
    const auto owner = normalise_uuid(element.attribute("vm").value());
    if (!owner || *owner != uuid) {
        throw Unbelievable("it is another VM's, as in a clone");
    }
    CarriedEnergy carried;
    for (const pugi::xml_node ledger : element.children()) {
        if (ledger.type() != pugi::node_element) {
            continue; // blanks, comments
        }
        if (local_name(ledger) != "ledger") {
            throw Unbelievable("it holds something else than ledgers");
        }
        const auto id = parse_ledger_id(ledger.attribute("id").value());
        if (!id) {
            throw Unbelievable("a ledger's id is not 32 hexadecimal digits");
        }
        const std::size_t count = carried.entries().size();
        if (count == kMostLedgers) {
            throw Unbelievable("it has more than " + std::to_string(kMostLedgers) + " ledgers");
        }
        carried.raise(*id, read_energy(ledger));
        if (carried.entries().size() == count) {
            throw Unbelievable("a ledger is there twice");
        }
    }
    if (!carried.is_plausible()) {
        throw Unbelievable("its ledgers add up to more than any VM uses");
    }
    return carried;
}

} // namespace

CarriedReading read_carried(pugi::xml_node metadata, std::string_view uuid) {
    pugi::xml_node found;
    for (const pugi::xml_node element : metadata.children()) {
        if (local_name(element) != "energy" || namespace_of(element) != kCarriedNamespace) {
            continue;
        }
        if (found) {
            return {{}, "it is there twice"};
        }
        found = element;
    }
    if (!found) {
        return {};
    }
    try {
        return {read_element(found, uuid), {}};
    } catch (const Unbelievable& problem) {
        return {{}, problem.what()};
    }
}

std::string carried_xml(const CarriedEnergy& carried, std::string_view uuid) {
    std::string xml;
    auto out = std::back_inserter(xml);
    fmt::format_to(out, "<energy vm='{}'>", uuid);
    for (const CarriedEnergy::Entry& entry : carried.entries()) {
        fmt::format_to(out, "<ledger id='{}'", to_string(entry.ledger));
        for (std::size_t i = 0; i < kZoneKindNames.size(); ++i) {
            if (entry.energy.uj.at(i) > 0) {
                fmt::format_to(out, " {}='{}'", kZoneKindNames.at(i), entry.energy.uj.at(i));
            }
        }
        xml += "/>";
    }
    xml += "</energy>";
    return xml;
}

} // namespace wattvisor
