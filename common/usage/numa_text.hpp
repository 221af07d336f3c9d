// SPDX-License-Identifier: Apache-2.0
// Memory per NUMA node, out of the kernel's texts. Pure functions, any thread. What is counted for
// a VM is the memory that it holds: anonymous pages, shared memory and huge pages, guest RAM of
// every kind. Page cache of its disks is left out, though its group is charged with it: the kernel
// may drop that at any time, and /proc knows it of no process. Sources:
// Documentation/admin-guide/cgroup-v2.rst (memory.numa_stat), cgroup-v1/memory.rst (5.6),
// mm/hugetlb_cgroup.c, proc_pid_numa_maps(5), drivers/base/node.c.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

namespace wattvisor {

using NodeBytes = std::map<unsigned, std::uint64_t>; // by node number

// Adds the bytes of `more`, and stays at the largest number.
void add_bytes(NodeBytes& bytes, const NodeBytes& more);

// memory.numa_stat of v2, in bytes: `anon` and `shmem`. `file` has shmem inside.
[[nodiscard]] std::optional<NodeBytes> parse_numa_stat_v2(std::string_view text);

// memory.numa_stat of v1, in pages, with the groups below: `anon`, in which shared memory is, and
// `unevictable`, where locked guest memory is.
[[nodiscard]] std::optional<NodeBytes> parse_numa_stat_v1(std::string_view text,
                                                          std::uint64_t page_size);

// hugetlb.<size>.numa_stat of either version, in bytes.
[[nodiscard]] std::optional<NodeBytes> parse_hugetlb_numa_stat(std::string_view text);

enum class NumaMapsPart { all, huge_pages };

// /proc/PID/numa_maps: what is resident of all mappings, or of those of huge pages.
[[nodiscard]] NodeBytes parse_numa_maps(std::string_view text, NumaMapsPart part);

// MemTotal less MemFree of /sys/devices/system/node/nodeN/meminfo.
[[nodiscard]] std::optional<std::uint64_t> parse_node_used_memory(std::string_view meminfo);

// "10 21 31", of /sys/devices/system/node/nodeN/distance: to each online node, in their order.
[[nodiscard]] std::vector<unsigned> parse_node_distances(std::string_view text);

} // namespace wattvisor
