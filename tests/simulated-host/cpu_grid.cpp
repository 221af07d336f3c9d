// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/cpu_grid.hpp"

namespace wattvisor::simulated {

CpuGrid::CpuGrid(const HostSpec& host)
    : sockets_(host.sockets), per_socket_(host.cpus_per_socket), irq_part_(host.irq),
      cpus_(static_cast<std::size_t>(sockets_) * per_socket_), room_(cpus_.size()),
      first_free_(sockets_), busy_(sockets_), irq_(sockets_) {
    for (CpuTimes& cpu : cpus_) {
        cpu.idle = static_cast<std::uint64_t>(host.booted_before.count());
    }
}

void CpuGrid::begin(std::uint64_t time) {
    const std::uint64_t irq = time * irq_part_ / kWhole;
    for (std::size_t cpu = 0; cpu < cpus_.size(); ++cpu) {
        cpus_[cpu].irq += irq;
        room_[cpu] = time - irq;
    }
    for (unsigned socket = 0; socket < sockets_; ++socket) {
        first_free_[socket] = 0;
        irq_[socket] = irq * per_socket_;
        busy_[socket] = irq_[socket];
    }
}

void CpuGrid::end() {
    for (std::size_t cpu = 0; cpu < cpus_.size(); ++cpu) {
        cpus_[cpu].idle += room_[cpu];
    }
}

} // namespace wattvisor::simulated
