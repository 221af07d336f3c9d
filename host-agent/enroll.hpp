// SPDX-License-Identifier: Apache-2.0
// The commands `enroll` and `unenroll`: put the share into a domain's XML or take it out. One-shot:
// opens its own short-lived connection on the calling thread and needs no event loop. Idempotent;
// tries every VM it was given and says per VM what happened and what remains to be done. Never
// stops, starts or restarts a VM.
#pragma once

#include "common/base/error.hpp"
#include "virtiofs/share_mounts.hpp"
#include "virtiofs/share_paths.hpp"

#include <libvirt/libvirt.h>

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace wattvisor::host {

struct EnrollOptions {
    std::string uri = "qemu:///system";
    ShareSettings shares;
    std::optional<std::filesystem::path> virtiofsd; // for <binary path=…>; libvirt's own if absent
    bool live = false;                              // attach to, or detach from, the running VM
    std::filesystem::path hook = "/etc/libvirt/hooks/qemu.d/wattvisor";
    std::string hook_install = "ln -s " WATTVISOR_LIBEXECDIR "/wattvisor-hook "
                               "/etc/libvirt/hooks/qemu.d/wattvisor";
};

// What changes the machine and a running VM. The defaults do it; tests without root and with
// libvirt's test driver, which cannot attach, put something else here.
struct EnrollActions {
    using DeviceAction = std::function<Result<void>(virDomainPtr domain, const std::string& xml)>;

    std::function<Result<MadeShare>(const ShareSettings& settings, std::string_view uuid,
                                    std::string_view name)>
        make_share;
    std::function<Result<RemovedShare>(const ShareSettings& settings, std::string_view uuid,
                                       std::string_view name)>
        remove_share;
    DeviceAction attach; // to the running VM alone
    DeviceAction detach;

    [[nodiscard]] static EnrollActions real();
};

// `vms` are names or UUIDs. What happened goes to `out`, a line per VM. kExitOk if all of them are
// as wanted now, kExitFailure if one is not.
[[nodiscard]] int enroll(const EnrollOptions& options, std::span<const std::string> vms,
                         const EnrollActions& actions, std::ostream& out);
[[nodiscard]] int unenroll(const EnrollOptions& options, std::span<const std::string> vms,
                           const EnrollActions& actions, std::ostream& out);

// The same on a connection that the caller has; it must be allowed to write.
[[nodiscard]] int enroll(virConnectPtr connection, const EnrollOptions& options,
                         std::span<const std::string> vms, const EnrollActions& actions,
                         std::ostream& out);
[[nodiscard]] int unenroll(virConnectPtr connection, const EnrollOptions& options,
                           std::span<const std::string> vms, const EnrollActions& actions,
                           std::ostream& out);

} // namespace wattvisor::host
