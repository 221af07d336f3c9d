// SPDX-License-Identifier: Apache-2.0
// The running VMs as consumers: the CPU time of each one's QEMU process, all of its threads. A VM
// keeps its count over restarts of its process while libvirt lists it. Fed with what the libvirt
// thread found; runs on the Asio thread and never waits for libvirt.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/usage/busy_time.hpp"
#include "common/usage/process_clock.hpp"
#include "common/usage/process_usage.hpp"
#include "host-agent/vm.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace wattvisor::host {

class VmUsage final : public ConsumerSource {
public:
    VmUsage(std::filesystem::path proc_root, CpuTopologyPtr topology);

    // The VMs that run now.
    void update(const std::vector<Vm>& vms);

    [[nodiscard]] UsageSample collect() override;

private:
    struct Watched {
        bool is_listed = true;
        ConsumerPtr consumer;
        pid_t pid = 0;
        int libvirt_id = -1;
        std::optional<ProcessClock> clock;
        std::chrono::nanoseconds last{0};  // the clock's reading at the last look
        std::chrono::nanoseconds count{0}; // what the VM used since it is watched
    };

    void watch(Watched& watched, const Vm& vm) const;
    [[nodiscard]] bool was_born_since_last_look(const ProcessClock& clock) const;

    std::filesystem::path proc_root_;
    CpuTopologyPtr topology_;
    BusyTime busy_time_;
    std::optional<std::chrono::nanoseconds> last_look_; // since boot
    std::map<std::string, Watched> vms_;                // by UUID
};

} // namespace wattvisor::host
