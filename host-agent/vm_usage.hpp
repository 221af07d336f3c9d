// SPDX-License-Identifier: Apache-2.0
// The running VMs as consumers: the CPU time of everything that runs for each: QEMU with all of its
// threads, vhost's kernel threads, virtiofsd and other helpers. A VM keeps its count over restarts
// of its processes while libvirt lists it. Fed with what the libvirt thread found; runs on the Asio
// thread and never waits for libvirt.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/usage/cpu_time_source.hpp"
#include "host-agent/vm.hpp"
#include "host-agent/vm_memory.hpp"
#include "host-agent/vm_process_watch.hpp"
#include "host-agent/vm_processes.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace wattvisor::host {

class VmUsage final : public ConsumerSource {
public:
    // `times` outlives this. `memory` reads resident memory, for energy that is split by it; none
    // if it is not asked for.
    VmUsage(VmProcessRoots roots, CpuTimeSource& times, std::optional<VmMemory> memory = {});

    // The VMs that run now.
    void update(const std::vector<Vm>& vms);

    [[nodiscard]] UsageSample collect() override;

private:
    struct Watched {
        Vm vm;
        ConsumerPtr consumer;
        bool is_listed = true; // by libvirt
        bool is_told = false;  // its last part was told: it goes at the next tick if not listed
        std::vector<VmProcessWatch> processes;
        SocketTimes count; // what it used since it is watched
        ComponentTimes components{};
        SocketBytes resident;
        std::uint64_t looks = 0; // at its processes and threads
    };

    void take_news(Watched& watched, const Vm& vm);
    void watch_qemu(Watched& watched);
    [[nodiscard]] bool is_due(const std::string& uuid, const Watched& watched) const;
    void look_at_due();
    void search(Watched& watched);
    void read(Watched& watched);
    void share_out_short_lives();
    [[nodiscard]] ConsumerUsage usage_of(Watched& watched) const;

    VmProcessRoots roots_;
    CpuTimeSource& times_;
    VmProcessFinder finder_;
    std::optional<VmMemory> memory_;
    std::map<std::string, Watched> vms_;                // by UUID
    std::unordered_set<pid_t> taken_;                   // pids that belong to a VM
    std::unordered_set<const Watched*> looked_at_;      // in this tick
    std::optional<std::chrono::nanoseconds> last_look_; // since boot
    std::uint64_t ticks_ = 0;
    std::uint64_t refreshed_in_ = 0; // the last tick in which the finder listed what all VMs share
};

} // namespace wattvisor::host
