// SPDX-License-Identifier: Apache-2.0
// What the libvirt thread tells the rest of the agent: plain values, copied, holding no libvirt
// object. A VmList is always complete, so whoever gets it compares it with the one before and
// needs no history. Names and titles are what a VM's owner typed: hostile text.
#pragma once

#include "common/accounting/carried_energy.hpp"

#include <chrono>
#include <string>
#include <sys/types.h>
#include <vector>

namespace wattvisor::host {

struct Vm {
    std::string uuid; // lower case with dashes; what a VM is keyed by, names are used again
    std::string name;
    std::string title;   // empty if it has none
    int libvirt_id = -1; // new with each start of the VM
    pid_t pid = 0;       // QEMU's process as libvirt wrote it down; 0 if unknown
    unsigned vcpus = 0;
    bool enrolled = false;      // the XML carries a virtiofs share with our tag
    std::string share_source;   // the folder that the share exports; empty if not enrolled
    bool shared_memory = false; // without it, QEMU cannot offer virtiofs
    CarriedEnergy carried;      // what came with this start of it; empty if nothing did

    // How often an event named it: a device may have come, and with it a helper process.
    unsigned events = 0;

    friend bool operator==(const Vm&, const Vm&) = default;
};

struct VmList {
    std::vector<Vm> vms; // the active VMs, ordered by UUID; the last known ones while !connected
    bool connected = false;
    std::string problem; // why it is not connected and what to do; empty while connected
    // When libvirt last answered with this list; the clock's zero before the first answer.
    std::chrono::steady_clock::time_point time{};
};

} // namespace wattvisor::host
