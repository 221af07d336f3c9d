// SPDX-License-Identifier: Apache-2.0
// Connections to libvirt's test driver. Every test:///FILE connection is a hypervisor of its own;
// all test:///default connections of a process share one, which ends with the last of them.
#pragma once

#include "host-agent/libvirt_handles.hpp"

#include <string>

namespace wattvisor::host::test {

inline const std::string kNodeUri = "test:///" WATTVISOR_FIXTURES "/libvirt/node.xml";
inline const std::string kSharedUri = "test:///default";

inline std::string uuid(int number) {
    return "00000000-0000-4000-8000-00000000000" + std::to_string(number);
}

inline ConnectHandle connect(const std::string& uri) {
    return std::move(open_connection(uri, ConnectMode::read_write).value());
}

inline DomainHandle domain(const ConnectHandle& connection, const std::string& name) {
    return DomainHandle(virDomainLookupByName(connection.get(), name.c_str()));
}

// A domain as small as the driver takes it.
inline std::string domain_xml(const std::string& name, const std::string& uuid,
                              const std::string& more = {}) {
    return "<domain type='test'><name>" + name + "</name><uuid>" + uuid +
           "</uuid><memory unit='KiB'>65536</memory><vcpu>2</vcpu>"
           "<os><type arch='x86_64'>hvm</type></os>" +
           more + "</domain>";
}

inline std::string xml_of(const DomainHandle& domain) {
    return domain_xml_text(domain.get(), VIR_DOMAIN_XML_INACTIVE).value();
}

} // namespace wattvisor::host::test
