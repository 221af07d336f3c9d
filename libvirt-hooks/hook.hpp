// SPDX-License-Identifier: Apache-2.0
// What the libvirt hook does, apart from where its text comes from: makes a VM's share before QEMU
// starts and removes it when the VM is released. libvirt waits for the hook, so nothing here calls
// libvirt (a deadlock), and nothing throws for what a VM's owner wrote. Main thread of the hook and
// tests. Never decides whether a VM may start: problems are told, and that is all.
// Protocol: https://libvirt.org/hooks.html#etc-libvirt-hooks-qemu
#pragma once

#include "common/base/error.hpp"
#include "virtiofs/share_paths.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor::hook {

enum class Wish { act, help, version };

// The program's arguments: options of ours, then the four of libvirt's.
struct Invocation {
    Wish wish = Wish::act;
    ShareSettings settings;
    std::string domain;
    std::string operation;     // "prepare", "start", "started", "stopped", "release", …
    std::string sub_operation; // "begin" or "end"
};

// The last four arguments are libvirt's whatever they look like: a VM may be called --help.
// Options count more than what is `configured`.
[[nodiscard]] Result<Invocation> parse_arguments(std::span<const std::string> arguments,
                                                 const ShareSettings& configured = {});

// Whether the operation concerns us, so that the XML is worth reading.
[[nodiscard]] bool needs_xml(const Invocation& invocation);

struct Report {
    std::vector<std::string> notes;    // what was done, one sentence each
    std::vector<std::string> problems; // what was not, and what to do about it
};

// Acts on the domain's XML. A VM without our share, or whose share is in a folder that is not
// exactly <root>/<name> or <root>/<uuid>, is left to its owner.
[[nodiscard]] Report run_hook(const Invocation& invocation, std::string_view xml);

} // namespace wattvisor::hook
