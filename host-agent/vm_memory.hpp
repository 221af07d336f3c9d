// SPDX-License-Identifier: Apache-2.0
// The resident memory of VMs per socket, for energy of dram that is split by it. Asio thread. Costs
// some files per VM, so it is asked for now and then.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/usage/numa_memory.hpp"

#include <filesystem>

namespace wattvisor::host {

class VmMemory {
public:
    // A machine without NUMA is one node.
    VmMemory(std::filesystem::path sys_root, const CpuTopology& topology);

    // Of one VM; what was known before where it cannot be read.
    [[nodiscard]] SocketBytes resident(const NumaMemorySource& vm, const SocketBytes& before) const;
    // Of the whole machine; empty where it cannot be read.
    [[nodiscard]] SocketBytes used() const;

private:
    std::filesystem::path sys_root_;
    NumaTopology topology_;
};

} // namespace wattvisor::host
