// SPDX-License-Identifier: Apache-2.0
// The energy that travels with a VM as an element of its domain's <metadata>, both ways. Reading is
// all or nothing: who may edit a domain's metadata may write anything there, and half of a copy
// would be as wrong as a made-up one. The element names its VM, since a clone of a VM inherits the
// metadata and not the energy. Pure, any thread; parse_domain() calls the reading.
#pragma once

#include "common/accounting/carried_energy.hpp"
#include "common/base/error.hpp"

#include <string>
#include <string_view>

namespace wattvisor {

// What virDomainSetMetadata() is given: our namespace, and the prefix that libvirt writes for it.
inline constexpr const char* kCarriedNamespace = "https://wattvisor.dev/xmlns/energy/1";
inline constexpr const char* kCarriedPrefix = "wattvisor";

// What parse_domain() found of it.
struct CarriedReading {
    CarriedEnergy energy; // empty if there is none, or if it cannot be believed
    std::string problem;  // why it was ignored; empty where there is nothing to say
};

// The element as virDomainSetMetadata() wants it, without the namespace. `uuid` in lower case.
[[nodiscard]] std::string carried_xml(const CarriedEnergy& carried, std::string_view uuid);

} // namespace wattvisor
