// SPDX-License-Identifier: Apache-2.0
// The resident memory of VMs per socket, for energy of dram that is split by it. Asio thread. Costs
// some files per VM, so it is asked for now and then.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/usage/numa_memory.hpp"
#include "host-agent/vm_processes.hpp"

#include <filesystem>
#include <sys/types.h>

namespace wattvisor::host {

class VmMemory {
public:
    // A machine without NUMA is one node.
    VmMemory(VmProcessRoots roots, std::filesystem::path sys_root, const CpuTopology& topology);

    // Of the VM with this QEMU; what was known before where it cannot be read.
    [[nodiscard]] SocketBytes resident(pid_t qemu, const SocketBytes& before) const;
    // Of the whole machine; empty where it cannot be read.
    [[nodiscard]] SocketBytes used() const;

private:
    VmProcessRoots roots_;
    std::filesystem::path sys_root_;
    NumaTopology topology_;
};

} // namespace wattvisor::host
