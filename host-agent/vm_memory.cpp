// SPDX-License-Identifier: Apache-2.0
#include "host-agent/vm_memory.hpp"

#include "common/base/text_file.hpp"
#include "common/cli/safe_text.hpp"
#include "host-agent/vm_cgroup.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace wattvisor::host {

namespace {

SocketBytes to_sockets(const NumaTopology& topology, const NodeBytes& bytes) {
    const auto by_socket = topology.by_socket(bytes);
    return {by_socket.begin(), by_socket.end()};
}

} // namespace

VmMemory::VmMemory(VmProcessRoots roots, std::filesystem::path sys_root,
                   const CpuTopology& topology)
    : roots_(std::move(roots)), sys_root_(std::move(sys_root)) {
    auto numa = read_numa_topology(sys_root_, topology);
    if (numa) {
        topology_ = std::move(*numa);
        return;
    }
    spdlog::warn("dram: memory has no effect, dram is split by CPU time: {}",
                 printable(numa.error().message()));
}

SocketBytes VmMemory::resident(pid_t qemu, const SocketBytes& before) const {
    NumaMemorySource source;
    source.process = roots_.proc / std::to_string(qemu);
    const auto mounts = read_text(roots_.mountinfo, std::size_t{16} << 20U);
    const auto groups = read_text(source.process / "cgroup");
    if (mounts && groups) {
        const auto mounted = parse_cgroup_mounts(*mounts);
        const auto memberships = parse_cgroup_memberships(*groups);
        if (auto group = find_memory_cgroup(mounted, memberships)) {
            source.memory_group = std::move(group->folder);
            source.is_v2 = group->is_v2;
        }
        if (auto group = find_hugetlb_cgroup(mounted, memberships)) {
            source.hugetlb_group = std::move(group->folder);
        }
    }
    const auto bytes = read_numa_memory(source);
    return bytes ? to_sockets(topology_, *bytes) : before;
}

SocketBytes VmMemory::used() const {
    const auto bytes = read_used_memory(sys_root_, topology_);
    return bytes ? to_sockets(topology_, *bytes) : SocketBytes();
}

} // namespace wattvisor::host
