// SPDX-License-Identifier: Apache-2.0
#include "host-agent/vm_usage.hpp"

#include "common/base/clock_time.hpp"
#include "common/usage/busy_time.hpp"
#include "common/usage/process_usage.hpp"
#include "common/usage/short_lives.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace wattvisor::host {

namespace {

using std::chrono::nanoseconds;

// The clock that start times in /proc/PID/stat are counted on.
nanoseconds since_boot() {
    return clock_time(CLOCK_BOOTTIME);
}

// Many more looks than a VM's start takes, at a look per tick.
constexpr std::uint64_t kFirstLooks = 5;
// Later, each VM has its turn: for the times of its single threads, and, every second time, for
// helpers that came without an event. Where there are many VMs the turns come less often, so that a
// thousand cost little more than a hundred.
constexpr std::uint64_t kTicksPerLook = 60;
constexpr std::uint64_t kMostTicksPerLook = 240;
constexpr std::uint64_t kLooksPerSearch = 2;

std::uint64_t ticks_per_look(std::size_t vms) {
    std::uint64_t ticks = kTicksPerLook;
    while (ticks < kMostTicksPerLook && ticks < vms) {
        ticks *= 2; // in few steps: each one shifts the turns
    }
    return ticks;
}

// What is the same for all VMs is listed anew for a VM that starts, and else so seldom: with a
// hundred VMs one of them is searched at nearly every tick.
constexpr std::uint64_t kTicksPerRefresh = 60;

std::uint64_t turn_of(const std::string& uuid, std::uint64_t ticks) {
    return std::hash<std::string>{}(uuid) % ticks;
}

bool was_born_since(const PidStat& stat, std::optional<nanoseconds> last_look) {
    const nanoseconds born = clock_tick() * static_cast<std::int64_t>(stat.start_ticks);
    return last_look && born + clock_tick() > *last_look;
}

ConsumerPtr make_consumer(const Vm& vm, const std::filesystem::path& proc_root, bool has_process) {
    auto consumer = std::make_shared<Consumer>();
    const std::filesystem::path folder = proc_root / std::to_string(vm.pid);
    if (const auto stat = has_process ? read_pid_stat(folder) : Result<PidStat>(Error{})) {
        *consumer = *describe_process(folder, vm.pid, *stat);
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

VmUsage::VmUsage(VmProcessRoots roots, CpuTimeSource& times, VmDetails details)
    : roots_(std::move(roots)), times_(times), finder_(roots_), details_(std::move(details)) {}

// Only what nobody was charged for before.
bool VmUsage::is_charged_from_birth(const ProcessClock& clock) const {
    return was_born_since(clock.stat(), last_look_) &&
           !(charged_elsewhere_ && charged_elsewhere_(clock.pid()));
}

void VmUsage::update(const std::vector<Vm>& vms) {
    std::set<std::string_view> listed;
    for (const Vm& vm : vms) {
        listed.insert(vm.uuid);
        take_news(vms_[vm.uuid], vm);
    }
    for (auto& [uuid, vm] : vms_) {
        vm.is_listed = listed.contains(uuid);
    }
}

void VmUsage::take_news(Watched& watched, const Vm& vm) {
    const bool has_qemu = std::any_of(
        watched.processes.begin(), watched.processes.end(), [](const VmProcessWatch& process) {
            return process.is_qemu() && !process.is_retired() && !process.has_ended();
        });
    const bool is_another_start =
        watched.vm.pid != vm.pid || watched.vm.libvirt_id != vm.libvirt_id;
    if (watched.consumer && watched.vm == vm && (has_qemu || vm.pid == 0)) {
        return;
    }
    watched.vm = vm;
    watched.looks = 0;
    if (is_another_start || !has_qemu) {
        for (VmProcessWatch& process : watched.processes) {
            process.retire();
        }
        watch_qemu(watched);
    } else {
        watched.consumer = make_consumer(vm, roots_.proc, true);
    }
}

void VmUsage::watch_qemu(Watched& watched) {
    auto clock = watched.vm.pid > 0 ? ProcessClock::open(roots_.proc, watched.vm.pid)
                                    : Result<ProcessClock>(Error{});
    watched.consumer = make_consumer(watched.vm, roots_.proc, clock.has_value());
    if (!clock) {
        return;
    }
    // What QEMU used before the last look was charged to `other` then; only a VM that started since
    // is charged from its birth.
    const bool from_birth = is_charged_from_birth(*clock);
    taken_.insert(watched.vm.pid);
    watched.processes.emplace_back(std::move(*clock), Component::emulator, true, from_birth);
}

// Right after its start helpers come one after the other; later they seldom change.
bool VmUsage::is_due(const std::string& uuid, const Watched& watched) const {
    const std::uint64_t ticks = ticks_per_look(vms_.size());
    return watched.looks < kFirstLooks || turn_of(uuid, ticks) == ticks_ % ticks;
}

void VmUsage::look_at_due() {
    looked_at_.clear();
    for (auto& [uuid, watched] : vms_) {
        if (!watched.is_listed || !is_due(uuid, watched)) {
            continue;
        }
        if (watched.looks < kFirstLooks || watched.looks % kLooksPerSearch == 0) {
            search(watched);
        }
        ++watched.looks;
        looked_at_.insert(&watched);
    }
}

// Dearer than all else together, so seldom: some hundred microseconds.
void VmUsage::search(Watched& watched) {
    if (watched.vm.pid <= 0) {
        return;
    }
    const std::uint64_t most_age = watched.looks < kFirstLooks ? 1 : kTicksPerRefresh;
    if (ticks_ - refreshed_in_ >= most_age) {
        finder_.refresh();
        refreshed_in_ = ticks_;
    }
    std::unordered_set<pid_t> others = taken_;
    for (const VmProcessWatch& process : watched.processes) {
        others.erase(process.pid());
    }
    for (const VmProcess& found : finder_.find(watched.vm, others)) {
        watch_helper(watched, found.pid, found.start_ticks, found.component);
    }
    if (details_.memory) {
        watched.resident =
            details_.memory->resident(finder_.memory_of(watched.vm.pid), watched.resident);
    }
}

// One that is a part of this VM already stays what it is.
bool VmUsage::watch_helper(Watched& watched, pid_t pid, std::uint64_t start_ticks,
                           Component component) {
    const bool is_known =
        std::any_of(watched.processes.begin(), watched.processes.end(),
                    [pid](const VmProcessWatch& process) { return process.pid() == pid; });
    auto clock = is_known ? Result<ProcessClock>(Error{}) : ProcessClock::open(roots_.proc, pid);
    if (!clock || clock->stat().start_ticks != start_ticks) {
        return false;
    }
    const bool from_birth = is_charged_from_birth(*clock);
    taken_.insert(pid);
    watched.processes.emplace_back(std::move(*clock), component, false, from_birth);
    return true;
}

std::unordered_map<pid_t, VmUsage::Watched*> VmUsage::owners() {
    std::unordered_map<pid_t, Watched*> owners;
    for (auto& [uuid, watched] : vms_) {
        for (const VmProcessWatch& process : watched.processes) {
            owners.emplace(process.pid(), &watched);
        }
    }
    return owners;
}

// Those that run at the moment of a tick. Without it, what they used until then would be nobody's:
// of a VM whose work is done by children of 20 ms, 4 % in ticks of 100 ms.
void VmUsage::adopt_children() {
    const std::vector<YoungProcess> young = times_.young_processes();
    const auto is_of_a_vm = [this](const YoungProcess& process) {
        return taken_.contains(process.parent);
    };
    if (std::none_of(young.begin(), young.end(), is_of_a_vm)) {
        return;
    }
    std::unordered_map<pid_t, Watched*> owner_of = owners();
    for (const YoungProcess& process : young) {
        const auto owner = owner_of.find(process.parent);
        if (owner != owner_of.end() && !taken_.contains(process.pid) &&
            watch_helper(*owner->second, process.pid, process.start_ticks, Component::helper)) {
            owner_of.emplace(process.pid, owner->second);
        }
    }
}

void VmUsage::read(Watched& watched) {
    const bool is_looked_at = looked_at_.contains(&watched);
    watched.moved.clear();
    for (VmProcessWatch& process : watched.processes) {
        add_times(watched.count, process.read(times_));
        add_times(watched.moved, process.moved());
        if (is_looked_at || process.has_ended()) {
            process.look(roots_.proc, *times_.topology(), watched.components);
        }
        if (process.has_ended()) {
            taken_.erase(process.pid()); // now: until the next tick it may be another QEMU's
        }
    }
}

void VmUsage::take_short_lives(std::vector<ShortLife>& lives) {
    if (lives.empty()) {
        return;
    }
    std::unordered_map<pid_t, Watched*> owner_of = owners();
    const auto take = [&owner_of](const ShortLife& life) {
        const auto owner = owner_of.find(life.parent);
        if (owner == owner_of.end()) {
            return false;
        }
        Watched& watched = *owner->second;
        add_times(watched.count, life.time);
        watched.components[index_of(Component::helper)] += total_of(life.time);
        owner_of.emplace(life.pid, &watched);
        return true;
    };
    while (std::erase_if(lives, take) > 0) { // in any order: what these started, and so on
    }
}

// Not sooner: what they started in their last tick was to be found by them.
void VmUsage::forget_ended() {
    for (auto& [uuid, watched] : vms_) {
        std::erase_if(watched.processes,
                      [](const VmProcessWatch& process) { return process.has_ended(); });
    }
}

ConsumerUsage VmUsage::usage_of(Watched& watched) const {
    ConsumerUsage usage{watched.consumer, watched.count,
                        looked_at_.contains(&watched)
                            ? std::make_shared<const ComponentTimes>(watched.components)
                            : nullptr,
                        watched.resident};
    usage.moved = watched.moved;
    // A VM's count moves with its helpers too: QEMU is read once too often then, never too seldom.
    if (details_.resources_every > 0 && watched.consumer->pid > 0) {
        usage.resources =
            watched.resources.look(roots_.proc, watched.consumer->pid, total_of(watched.count),
                                   details_.resources_every, false);
    }
    return usage;
}

void VmUsage::find() {
    ++ticks_;
    // Here and not when it is heard of: a VM that is back before the tick goes on counting. One
    // that is gone is told of once more, with its last part.
    std::erase_if(vms_, [this](const auto& entry) {
        const bool is_over = !entry.second.is_listed && entry.second.is_told;
        for (const VmProcessWatch& process : entry.second.processes) {
            if (is_over) {
                taken_.erase(process.pid());
            }
        }
        return is_over;
    });
    forget_ended();
    look_at_due();
    adopt_children();
}

void VmUsage::read_all() {
    for (auto& [uuid, watched] : vms_) {
        read(watched);
        watched.is_told = !watched.is_listed;
    }
}

void VmUsage::append_to(UsageSample& sample) {
    sample.consumers.reserve(vms_.size());
    for (auto& [uuid, watched] : vms_) {
        sample.consumers.push_back(usage_of(watched));
    }
    if (details_.memory) {
        sample.used_memory = details_.memory->used();
    }
    last_look_ = since_boot();
}

UsageSample VmUsage::collect() {
    times_.begin();
    find();
    read_all();
    std::vector<ShortLife> lives = times_.take_short_lives();
    take_short_lives(lives);
    UsageSample sample;
    append_to(sample);
    take_common(times_, sample);
    return sample;
}

} // namespace wattvisor::host
