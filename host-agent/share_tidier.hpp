// SPDX-License-Identifier: Apache-2.0
// Removes the shares of VMs that are gone where the hook could not: libvirtd was down, or the hook
// was taken out. The hook makes a share a moment before libvirt lists the VM, so a share goes only
// after its VM has been missing for a while from lists that libvirt itself gave. Asio thread only.
#pragma once

#include "host-agent/vm.hpp"
#include "virtiofs/share_paths.hpp"

#include <chrono>
#include <map>
#include <string>

namespace wattvisor::host {

// Longer than any start of a VM takes between its hook and its listing.
inline constexpr std::chrono::seconds kShareGrace{60};

class ShareTidier {
public:
    explicit ShareTidier(ShareSettings settings);

    // Looks at the folders of shares; call it now and then, with the last list and the time.
    void tidy(const VmList& vms, std::chrono::steady_clock::time_point now);

private:
    ShareSettings settings_;
    std::map<std::string, std::chrono::steady_clock::time_point> missing_since_; // by UUID
};

} // namespace wattvisor::host
