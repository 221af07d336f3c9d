// SPDX-License-Identifier: Apache-2.0
#include "host-agent/host_usage.hpp"

namespace wattvisor::host {

HostUsage::HostUsage(CpuTimeSource& times, VmUsage& vms, ProcessUsage& processes)
    : times_(times), vms_(vms), processes_(processes) {
    vms_.set_charged_elsewhere([&processes](pid_t pid) { return processes.has_told_of(pid); });
}

UsageSample HostUsage::collect() {
    times_.begin();
    UsageSample sample;
    vms_.find();
    // Before VMs are read: a process that now belongs to one is charged to itself up to here, and
    // to the VM from its first reading on.
    processes_.append_to(sample, vms_.pids());
    vms_.read_all();
    std::vector<ShortLife> lives = times_.take_short_lives();
    vms_.take_short_lives(lives);
    vms_.append_to(sample);
    processes_.append_short_lives(lives, sample);
    take_common(times_, sample);
    return sample;
}

} // namespace wattvisor::host
