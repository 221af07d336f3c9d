// SPDX-License-Identifier: Apache-2.0
// The running VMs as consumers: the CPU time of everything that runs for each: QEMU with all of its
// threads, vhost's kernel threads, virtiofsd and other helpers. A VM keeps its count over restarts
// of its processes while libvirt lists it. Fed with what the libvirt thread found; runs on the Asio
// thread and never waits for libvirt.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/usage/cpu_time_source.hpp"
#include "common/usage/process_resources.hpp"
#include "host-agent/vm.hpp"
#include "host-agent/vm_memory.hpp"
#include "host-agent/vm_process_watch.hpp"
#include "host-agent/vm_processes.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace wattvisor::host {

struct VmDetails {
    // Reads resident memory, for energy that is split by it; none if it is not asked for.
    std::optional<VmMemory> memory{};
    unsigned resources_every = 0; // ticks between looks at memory and storage of QEMU; 0: none
};

class VmUsage final : public ConsumerSource {
public:
    // `times` outlives this.
    VmUsage(VmProcessRoots roots, CpuTimeSource& times, VmDetails details = {});

    // The VMs that run now.
    void update(const std::vector<Vm>& vms);

    [[nodiscard]] UsageSample collect() override;

    // collect() in its parts, for a source that has other consumers beside VMs, in this order.
    // Looks what belongs to VMs now: pids() are known then.
    void find();
    [[nodiscard]] const std::unordered_set<pid_t>& pids() const { return taken_; }
    void read_all();
    // Charges what a VM's processes started and nobody saw alive, and what those started in turn;
    // leaves the others.
    void take_short_lives(std::vector<ShortLife>& lives);
    void append_to(UsageSample& sample);
    // Processes of which this is true were charged to somebody else until now.
    using ChargedElsewhere = std::function<bool(pid_t)>;
    void set_charged_elsewhere(ChargedElsewhere test) { charged_elsewhere_ = std::move(test); }

private:
    struct Watched {
        Vm vm;
        ConsumerPtr consumer;
        bool is_listed = true; // by libvirt
        bool is_told = false;  // its last part was told: it goes at the next tick if not listed
        std::vector<VmProcessWatch> processes;
        SocketTimes count; // what it used since it is watched
        SocketTimes moved; // of it, in this tick: ConsumerUsage::moved
        ComponentTimes components{};
        SocketBytes resident;
        ResourceWatch resources; // of its QEMU process
        std::uint64_t looks = 0; // at its processes and threads
    };

    void take_news(Watched& watched, const Vm& vm);
    void watch_qemu(Watched& watched);
    [[nodiscard]] bool is_due(const std::string& uuid, const Watched& watched) const;
    void look_at_due();
    void search(Watched& watched);
    void adopt_children();
    void forget_ended();
    bool watch_helper(Watched& watched, pid_t pid, std::uint64_t start_ticks, Component component);
    [[nodiscard]] std::unordered_map<pid_t, Watched*> owners();
    void read(Watched& watched);
    [[nodiscard]] bool is_charged_from_birth(const ProcessClock& clock) const;
    [[nodiscard]] ConsumerUsage usage_of(Watched& watched) const;

    VmProcessRoots roots_;
    CpuTimeSource& times_;
    VmProcessFinder finder_;
    VmDetails details_;
    ChargedElsewhere charged_elsewhere_;
    std::map<std::string, Watched> vms_;                // by UUID
    std::unordered_set<pid_t> taken_;                   // pids that belong to a VM
    std::unordered_set<const Watched*> looked_at_;      // in this tick
    std::optional<std::chrono::nanoseconds> last_look_; // since boot
    std::uint64_t ticks_ = 0;
    std::uint64_t refreshed_in_ = 0; // the last tick in which the finder listed what all VMs share
};

} // namespace wattvisor::host
