// SPDX-License-Identifier: Apache-2.0
// VMs and processes of the host as consumers beside each other: each process is part of one VM or a
// consumer of its own, never both. Kernel threads that work for no VM are `other`. Asio thread.
#pragma once

#include "common/usage/process_usage.hpp"
#include "host-agent/vm_usage.hpp"

namespace wattvisor::host {

class HostUsage final : public ConsumerSource {
public:
    // All three outlive this; both sources read by `times`.
    HostUsage(CpuTimeSource& times, VmUsage& vms, ProcessUsage& processes);

    [[nodiscard]] UsageSample collect() override;

private:
    CpuTimeSource& times_;
    VmUsage& vms_;
    ProcessUsage& processes_;
};

} // namespace wattvisor::host
