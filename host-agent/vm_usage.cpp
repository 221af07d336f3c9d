// SPDX-License-Identifier: Apache-2.0
#include "host-agent/vm_usage.hpp"

#include <ctime>
#include <set>
#include <utility>

namespace wattvisor::host {

namespace {

using std::chrono::nanoseconds;

// The clock that start times in /proc/PID/stat are counted on.
nanoseconds since_boot() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

ConsumerPtr make_consumer(const Vm& vm, const std::filesystem::path& proc_root,
                          const ProcessClock* clock) {
    auto consumer = std::make_shared<Consumer>();
    if (clock != nullptr) {
        *consumer = *describe_process(proc_root / std::to_string(vm.pid), vm.pid, clock->stat());
    }
    consumer->kind = ConsumerKind::vm;
    consumer->key = vm.uuid;
    consumer->name = vm.name;
    consumer->title = vm.title;
    consumer->vcpus = vm.vcpus;
    consumer->enrolled = vm.enrolled;
    return consumer;
}

} // namespace

VmUsage::VmUsage(std::filesystem::path proc_root, CpuTopologyPtr topology)
    : proc_root_(std::move(proc_root)), topology_(std::move(topology)),
      busy_time_(proc_root_, topology_) {}

bool VmUsage::was_born_since_last_look(const ProcessClock& clock) const {
    const nanoseconds born = clock_tick() * static_cast<std::int64_t>(clock.stat().start_ticks);
    return last_look_ && born + clock_tick() > *last_look_;
}

void VmUsage::watch(Watched& watched, const Vm& vm) const {
    if (watched.pid != vm.pid || watched.libvirt_id != vm.libvirt_id || !watched.clock) {
        watched.clock.reset();
        watched.pid = vm.pid;
        watched.libvirt_id = vm.libvirt_id;
        if (auto clock = vm.pid > 0 ? ProcessClock::open(proc_root_, vm.pid)
                                    : Result<ProcessClock>(Error{})) {
            // What QEMU used before the last look was charged to `other` then; only a VM that
            // started since is charged from its birth.
            const auto used = clock->read();
            watched.last = was_born_since_last_look(*clock) || !used ? nanoseconds(0) : *used;
            watched.clock = std::move(*clock);
        }
    }
    watched.consumer = make_consumer(vm, proc_root_, watched.clock ? &*watched.clock : nullptr);
}

void VmUsage::update(const std::vector<Vm>& vms) {
    std::set<std::string> listed;
    for (const Vm& vm : vms) {
        listed.insert(vm.uuid);
        watch(vms_[vm.uuid], vm);
    }
    for (auto& [uuid, vm] : vms_) {
        vm.is_listed = listed.contains(uuid);
    }
}

UsageSample VmUsage::collect() {
    // Here and not when it is heard of: a VM that is back before the tick goes on counting.
    std::erase_if(vms_, [](const auto& entry) { return !entry.second.is_listed; });
    UsageSample sample;
    sample.topology = topology_;
    sample.busy_error = busy_time_.error();
    sample.consumers.reserve(vms_.size());
    for (auto& [uuid, vm] : vms_) {
        if (vm.clock) {
            if (const auto used = vm.clock->read()) {
                vm.count += *used - vm.last;
                vm.last = *used;
            } else if (used.error().severity == Severity::gone) {
                vm.clock.reset(); // libvirt will say what became of the VM
            }
        }
        sample.consumers.push_back({vm.consumer, {vm.count}, {}, {}});
    }
    if (const auto busy = busy_time_.read()) {
        sample.busy_time = *busy;
    }
    last_look_ = since_boot();
    return sample;
}

} // namespace wattvisor::host
