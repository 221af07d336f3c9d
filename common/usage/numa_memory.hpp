// SPDX-License-Identifier: Apache-2.0
// How much memory a VM holds on each socket's NUMA nodes, and how much of each node is in use: what
// `dram` energy can be split by in place of CPU time. Asio thread. From control groups it costs two
// small files. /proc/PID/numa_maps is for VMs without a group and for huge pages that no group
// counts: the kernel walks the page tables for it, some 10 ms for each GiB of 4 KiB pages. So ask
// seldom, and not at each tick.
#pragma once

#include "common/base/error.hpp"
#include "common/usage/cpu_topology.hpp"
#include "common/usage/numa_text.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace wattvisor {

struct NumaNode {
    unsigned id = 0;
    // Its CPUs by socket index. A node may lie over several sockets (AMD's NPS0); one without CPUs
    // has those of its nearest neighbour that has.
    std::vector<unsigned> cpus;

    friend bool operator==(const NumaNode&, const NumaNode&) = default;
};

struct NumaTopology {
    std::vector<NumaNode> nodes;
    std::size_t sockets = 1;

    // Bytes by socket index. Those of a node over several sockets are split by its CPUs there,
    // those of a node that is not known count for socket 0; the sum is kept.
    [[nodiscard]] std::vector<std::uint64_t> by_socket(const NodeBytes& bytes) const;
};

// From /sys/devices/system/node. Machines without NUMA have no such folder: severity gone.
[[nodiscard]] Result<NumaTopology> read_numa_topology(const std::filesystem::path& sys_root,
                                                      const CpuTopology& cpus);

// The memory of each node that is not free.
[[nodiscard]] Result<NodeBytes> read_used_memory(const std::filesystem::path& sys_root,
                                                 const NumaTopology& topology);

// Where a VM's memory can be read.
struct NumaMemorySource {
    std::filesystem::path process;                      // /proc/PID of QEMU
    std::optional<std::filesystem::path> memory_group;  // the VM's own group
    bool is_v2 = false;                                 // of which version it is
    std::optional<std::filesystem::path> hugetlb_group; // v2: the same folder
};

[[nodiscard]] Result<NodeBytes> read_numa_memory(const NumaMemorySource& source);

} // namespace wattvisor
