// SPDX-License-Identifier: Apache-2.0
// All VMs of the hypervisor, active or not, as rows for `wattvisor-host vms`. Opens a read-only
// connection of its own and blocks, so it is for one-shot commands, never for the daemon, whose
// libvirt thread has a connection already. The share's state and the energy are the caller's.
#pragma once

#include "common/base/error.hpp"
#include "host-agent/vms_table.hpp"

#include <libvirt/libvirt.h>

#include <string>
#include <vector>

namespace wattvisor::host {

// Ordered by name. A VM that cannot be read is listed with what is known of it.
[[nodiscard]] Result<std::vector<VmRow>> list_all_vms(const std::string& uri);
// The same on a connection that the caller has.
[[nodiscard]] Result<std::vector<VmRow>> list_all_vms(virConnectPtr connection);

} // namespace wattvisor::host
