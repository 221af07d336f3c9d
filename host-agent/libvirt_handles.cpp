// SPDX-License-Identifier: Apache-2.0
#include "host-agent/libvirt_handles.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <utility>

namespace wattvisor::host {

namespace {

void discard_error(void* /*opaque*/, virErrorPtr /*error*/) {
    // Errors are read with virGetLastError() where they happen and logged once by us.
}

struct MallocFreer {
    void operator()(void* memory) const { std::free(memory); }
};

bool is_permission_problem(const virError& error) {
    if (error.code == VIR_ERR_AUTH_FAILED || error.code == VIR_ERR_AUTH_CANCELLED ||
        error.code == VIR_ERR_AUTH_UNAVAILABLE || error.code == VIR_ERR_ACCESS_DENIED ||
        error.code == VIR_ERR_OPERATION_DENIED) {
        return true;
    }
    // A socket that may not be opened is an ordinary system error in libvirt, told by its text.
    return error.message != nullptr &&
           std::string_view(error.message).find("Permission denied") != std::string_view::npos;
}

std::string connect_hint(const std::string& uri, const virError* error) {
    const std::string by_hand = "virsh -c '" + uri + "' list";
    if (error != nullptr && is_permission_problem(*error)) {
        return "Run as root, or as a member of the group libvirt (adduser USER libvirt); try: " +
               by_hand;
    }
    if (error != nullptr &&
        (error->code == VIR_ERR_INVALID_ARG || error->code == VIR_ERR_NO_CONNECT ||
         error->code == VIR_ERR_CONFIG_UNSUPPORTED)) {
        return "Is the URI right? The usual one is qemu:///system; try: " + by_hand;
    }
    return "Is libvirtd running? try: systemctl start libvirtd (or " + by_hand + ")";
}

} // namespace

void initialize_libvirt() {
    static std::once_flag once;
    std::call_once(once, [] {
        virInitialize();
        virSetErrorFunc(nullptr, discard_error);
    });
}

int last_libvirt_code() {
    const virError* error = virGetLastError();
    return error != nullptr ? error->code : VIR_ERR_OK;
}

Error last_libvirt_error(std::string where) {
    const virError* error = virGetLastError();
    if (error == nullptr || error->code == VIR_ERR_OK) {
        return Error{
            Severity::transient, "libvirt failed without saying why", std::move(where), {}};
    }
    return Error{error->code == VIR_ERR_NO_DOMAIN ? Severity::gone : Severity::transient,
                 error->message != nullptr ? error->message : "libvirt failed without saying why",
                 std::move(where),
                 {}};
}

Result<ConnectHandle> open_connection(const std::string& uri, ConnectMode mode) {
    initialize_libvirt();
    virConnectPtr connection = mode == ConnectMode::read_only ? virConnectOpenReadOnly(uri.c_str())
                                                              : virConnectOpen(uri.c_str());
    if (connection == nullptr) {
        Error error = last_libvirt_error("cannot reach libvirt at " + uri);
        error.hint = connect_hint(uri, virGetLastError());
        return error;
    }
    return ConnectHandle(connection);
}

Result<std::vector<DomainHandle>> list_domains(virConnectPtr connection, unsigned flags) {
    virDomainPtr* raw = nullptr;
    const int count = virConnectListAllDomains(connection, &raw, flags);
    if (count < 0) {
        return last_libvirt_error("cannot list the VMs");
    }
    const std::unique_ptr<virDomainPtr, MallocFreer> array(raw);
    std::vector<DomainHandle> domains;
    domains.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        domains.emplace_back(raw[i]);
    }
    return domains;
}

Result<std::vector<int>> list_domain_ids(virConnectPtr connection, std::size_t most) {
    std::vector<int> ids(most);
    const int count = virConnectListDomains(connection, ids.data(), static_cast<int>(ids.size()));
    if (count < 0) {
        return last_libvirt_error("cannot list the VMs");
    }
    ids.resize(static_cast<std::size_t>(count));
    std::sort(ids.begin(), ids.end());
    return ids;
}

Result<std::string> domain_xml_text(virDomainPtr domain, unsigned flags) {
    const std::unique_ptr<char, MallocFreer> text(virDomainGetXMLDesc(domain, flags));
    if (!text) {
        return last_libvirt_error("cannot read the XML of " + domain_name(domain));
    }
    return std::string(text.get());
}

std::string domain_uuid(virDomainPtr domain) {
    std::array<char, VIR_UUID_STRING_BUFLEN> text{};
    return virDomainGetUUIDString(domain, text.data()) == 0 ? text.data() : "";
}

std::string domain_name(virDomainPtr domain) {
    const char* name = virDomainGetName(domain);
    return name != nullptr ? name : "";
}

} // namespace wattvisor::host
