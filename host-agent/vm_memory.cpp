// SPDX-License-Identifier: Apache-2.0
#include "host-agent/vm_memory.hpp"

#include "common/cli/safe_text.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace wattvisor::host {

namespace {

SocketBytes to_sockets(const NumaTopology& topology, const NodeBytes& bytes) {
    const auto by_socket = topology.by_socket(bytes);
    return {by_socket.begin(), by_socket.end()};
}

} // namespace

VmMemory::VmMemory(std::filesystem::path sys_root, const CpuTopology& topology)
    : sys_root_(std::move(sys_root)) {
    auto numa = read_numa_topology(sys_root_, topology);
    if (numa) {
        topology_ = std::move(*numa);
        return;
    }
    spdlog::warn("dram: memory has no effect, dram is split by CPU time: {}",
                 printable(numa.error().message()));
}

SocketBytes VmMemory::resident(const NumaMemorySource& vm, const SocketBytes& before) const {
    const auto bytes = read_numa_memory(vm);
    return bytes ? to_sockets(topology_, *bytes) : before;
}

SocketBytes VmMemory::used() const {
    const auto bytes = read_used_memory(sys_root_, topology_);
    return bytes ? to_sockets(topology_, *bytes) : SocketBytes();
}

} // namespace wattvisor::host
