// SPDX-License-Identifier: Apache-2.0
// Owners for libvirt's objects, and its errors as our Error. Everything here is a vir* call: the
// libvirt thread only, or the one thread of a one-shot command. libvirt keeps the last error per
// thread, so last_libvirt_error() must follow the failed call at once.
#pragma once

#include "common/base/error.hpp"

#include <libvirt/libvirt.h>

#include <memory>
#include <string>
#include <vector>

namespace wattvisor::host {

struct ConnectCloser {
    void operator()(virConnectPtr connection) const { virConnectClose(connection); }
};
using ConnectHandle = std::unique_ptr<virConnect, ConnectCloser>;

struct DomainFreer {
    void operator()(virDomainPtr domain) const { virDomainFree(domain); }
};
using DomainHandle = std::unique_ptr<virDomain, DomainFreer>;

// Once per process, before the first connection: libvirt's own state, and an error handler that
// keeps libvirt from writing to stderr. Thread-safe.
void initialize_libvirt();

enum class ConnectMode { read_only, read_write };

// Blocks until libvirt answered. The error names the URI and says what to type.
[[nodiscard]] Result<ConnectHandle> open_connection(const std::string& uri, ConnectMode mode);

// `flags` of virConnectListAllDomains(); 0 for all, active or not.
[[nodiscard]] Result<std::vector<DomainHandle>> list_domains(virConnectPtr connection,
                                                             unsigned flags);

// The ids of the active domains, in ascending order: a tenth of the cost of list_domains(). Where
// there are more than `most`, that many.
[[nodiscard]] Result<std::vector<int>> list_domain_ids(virConnectPtr connection, std::size_t most);

// `flags` of virDomainGetXMLDesc().
[[nodiscard]] Result<std::string> domain_xml_text(virDomainPtr domain, unsigned flags);

[[nodiscard]] std::string domain_uuid(virDomainPtr domain);
[[nodiscard]] std::string domain_name(virDomainPtr domain);

// The code of the calling thread's last libvirt error, VIR_ERR_OK if there is none.
[[nodiscard]] int last_libvirt_code();

// The calling thread's last libvirt error; a domain that does not exist (any more) is `gone`.
[[nodiscard]] Error last_libvirt_error(std::string where);

} // namespace wattvisor::host
