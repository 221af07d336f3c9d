// SPDX-License-Identifier: Apache-2.0
#include "host-agent/vms_list.hpp"

#include "host-agent/libvirt_handles.hpp"
#include "virtiofs/domain_xml.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace wattvisor::host {

namespace {

// The words of virsh list. https://libvirt.org/html/libvirt-libvirt-domain.html#virDomainState
const char* state_text(virDomainPtr domain) {
    int state = VIR_DOMAIN_NOSTATE;
    if (virDomainGetState(domain, &state, nullptr, 0) != 0) {
        return "unknown";
    }
    switch (state) {
    case VIR_DOMAIN_RUNNING:
        return "running";
    case VIR_DOMAIN_BLOCKED:
        return "idle";
    case VIR_DOMAIN_PAUSED:
        return "paused";
    case VIR_DOMAIN_SHUTDOWN:
        return "in shutdown";
    case VIR_DOMAIN_SHUTOFF:
        return "shut off";
    case VIR_DOMAIN_CRASHED:
        return "crashed";
    case VIR_DOMAIN_PMSUSPENDED:
        return "pmsuspended";
    default:
        return "no state";
    }
}

VmRow row_of(virDomainPtr domain) {
    VmRow row;
    row.name = domain_name(domain);
    row.uuid = domain_uuid(domain);
    row.state = state_text(domain);
    const auto text = domain_xml_text(domain, 0);
    const auto xml = text ? parse_domain(*text) : Result<DomainXml>(text.error());
    if (xml) {
        row.share_source = xml->share_source;
        row.enrolled = !xml->share_source.empty() ? Enrollment::yes
                       : xml->shares_over_9p      ? Enrollment::ninep
                                                  : Enrollment::no;
    }
    return row;
}

} // namespace

Result<std::vector<VmRow>> list_all_vms(virConnectPtr connection) {
    const auto domains = list_domains(connection, 0);
    if (!domains) {
        return domains.error();
    }
    std::vector<VmRow> rows;
    rows.reserve(domains->size());
    for (const DomainHandle& domain : *domains) {
        rows.push_back(row_of(domain.get()));
    }
    std::ranges::sort(rows, [](const VmRow& a, const VmRow& b) {
        return std::tie(a.name, a.uuid) < std::tie(b.name, b.uuid);
    });
    return rows;
}

Result<std::vector<VmRow>> list_all_vms(const std::string& uri) {
    const auto connection = open_connection(uri, ConnectMode::read_only);
    if (!connection) {
        return connection.error();
    }
    return list_all_vms(connection->get());
}

} // namespace wattvisor::host
