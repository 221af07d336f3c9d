// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/simulated_host.hpp"

#include "common/base/error.hpp"
#include "tests/simulated-host/load_pattern.hpp"

#include <algorithm>
#include <utility>

namespace wattvisor::simulated {

namespace {

std::uint64_t count(nanoseconds time) {
    return static_cast<std::uint64_t>(time.count());
}

bool is_of_zone(EventKind kind) {
    return kind <= EventKind::suspend;
}

bool is_known(const Event& event, const ZoneBank& zones, const Scenario& scenario) {
    const auto named = [&event](const auto& spec) { return spec.name == event.target; };
    if (is_of_zone(event.kind)) {
        return event.target.empty() ||
               std::any_of(zones.zones().begin(), zones.zones().end(),
                           [&event](const BankZone& zone) { return zone.folder == event.target; });
    }
    if (event.kind == EventKind::process_rename) {
        return std::any_of(scenario.processes.begin(), scenario.processes.end(), named);
    }
    // A name that a VM gets by an earlier event is as good.
    const auto renames = [&event](const Event& other) {
        return other.kind == EventKind::vm_rename && other.text == event.target;
    };
    return std::any_of(scenario.vms.begin(), scenario.vms.end(), named) ||
           std::any_of(scenario.events.begin(), scenario.events.end(), renames);
}

} // namespace

SimulatedHost::SimulatedHost(Scenario scenario)
    : scenario_(std::make_unique<const Scenario>(std::move(scenario))),
      zones_(scenario_->host, scenario_->power), grid_(scenario_->host),
      population_(*scenario_, zones_.zones().size()), boot_offset_(scenario_->host.booted_before),
      demand_(scenario_->host.sockets), uses_(scenario_->host.sockets),
      other_(zones_.zones().size()), idle_(other_.size()), ended_(other_.size()),
      other_cpu_(scenario_->host.sockets), ended_cpu_(scenario_->host.sockets) {
    for (const Event& event : scenario_->events) {
        if (!is_known(event, zones_, *scenario_)) {
            throw StartError("the scenario has an event for '" + event.target +
                                 "', but nothing of that name",
                             kExitConfiguration);
        }
        due_.push_back({event.at, false, event});
    }
    std::stable_sort(due_.begin(), due_.end(),
                     [](const Due& a, const Due& b) { return a.at < b.at; });
    happen();
}

void SimulatedHost::begin(const Event& event) {
    if (event.kind == EventKind::suspend) {
        boot_offset_ += event.lasts == kForEver ? nanoseconds(0) : event.lasts;
        zones_.apply(event);
    } else if (is_of_zone(event.kind)) {
        zones_.apply(event);
        if (event.lasts != kForEver) {
            const Due end{now_ + event.lasts, true, event};
            due_.insert(std::upper_bound(due_.begin(), due_.end(), end,
                                         [](const Due& a, const Due& b) { return a.at < b.at; }),
                        end);
        }
    } else {
        population_.apply(event, count(since_boot()));
    }
}

void SimulatedHost::apply(const Event& event) {
    begin(event);
}

// What is due now: between two quanta.
void SimulatedHost::happen() {
    while (!due_.empty() && due_.front().at <= now_) {
        const Due due = std::move(due_.front());
        due_.erase(due_.begin());
        if (due.is_end) {
            zones_.revert(due.event);
        } else {
            begin(due.event);
        }
    }
    population_.live(now_, count(since_boot()));
    for (const Process& process : population_.take_ended(now_ - scenario_->keep_ended)) {
        for (std::size_t zone = 0; zone < ended_.size(); ++zone) {
            ended_[zone] += process.energy[zone];
        }
        std::transform(process.cpu.begin(), process.cpu.end(), ended_cpu_.begin(),
                       ended_cpu_.begin(), std::plus<>());
    }
}

void SimulatedHost::advance(nanoseconds time) {
    const nanoseconds target = now_ + time;
    const nanoseconds quantum = scenario_->quantum;
    while (now_ < target) {
        const nanoseconds boundary = (now_ / quantum + 1) * quantum;
        const nanoseconds end = std::min(target, boundary);
        step(end - now_);
        now_ = end;
        if (end == boundary) {
            happen();
        }
    }
}

unsigned SimulatedHost::socket_of(const Task& task) const {
    const unsigned sockets = grid_.sockets();
    if (task.placement->socket) {
        return *task.placement->socket;
    }
    const nanoseconds period = task.placement->migrate_every;
    const std::uint64_t moves = period.count() > 0 ? count(nanoseconds(now_ / period)) : 0;
    return static_cast<unsigned>((task.number + moves) % sockets);
}

void SimulatedHost::collect_wants() {
    wants_.clear();
    std::fill(demand_.begin(), demand_.end(), 0);
    for (auto& [pid, process] : population_.processes()) {
        for (Task& task : process.tasks) {
            const nanoseconds quantum = scenario_->quantum;
            const nanoseconds since = now_ / quantum * quantum; // constant within a quantum
            const Millionths level = level_at(*task.load, since, task.number);
            if (level > 0) {
                const unsigned socket = socket_of(task);
                wants_.push_back({&process, &task, socket, level});
                demand_[socket] += level;
            }
        }
    }
}

void SimulatedHost::run_task(const Want& want, std::uint64_t time) {
    Task& task = *want.task;
    // More is wanted than there is: everybody gets the same part of what it wants.
    const std::uint64_t capacity = grid_.capacity();
    const std::uint64_t demand = std::max(demand_[want.socket], capacity);
    const Wide wanted = static_cast<Wide>(want.level) * time * capacity / demand + task.rest;
    const auto granted = static_cast<std::uint64_t>(wanted / kWhole);
    task.rest = static_cast<std::uint64_t>(wanted % kWhole);
    Slice slice;
    slice.system =
        want.process->is_kernel_thread() ? granted : granted * task.load->system / kWhole;
    slice.user = granted - slice.system;
    slice.is_guest = task.component == Component::vcpu;
    Cgroup& cgroup = population_.cgroups()[task.cgroup];
    const Placed placed =
        grid_.place(want.socket, static_cast<unsigned>(task.number / grid_.sockets()), slice,
                    [&cgroup](unsigned cpu, std::uint64_t part) { cgroup.per_cpu[cpu] += part; });
    const CpuSplit used{placed.user, placed.system, slice.is_guest ? placed.user : 0};
    task.used += used;
    task.last_cpu = placed.last_cpu;
    cgroup.used += used;
    Process& process = *want.process;
    process.cpu[want.socket] += used.total();
    if (process.vm != kNoVm) {
        const auto component = static_cast<std::size_t>(task.component);
        population_.vms()[process.vm].cpu[component][want.socket] += used.total();
    } else if (process.is_kernel_thread()) {
        other_cpu_[want.socket] += used.total();
    }
    std::vector<Use>& uses = uses_[want.socket];
    if (!uses.empty() && uses.back().process == &process) {
        uses.back().cpu_ns += used.total();
    } else {
        uses.push_back({&process, used.total()});
    }
}

void SimulatedHost::step(nanoseconds time) {
    const std::uint64_t nanos = count(time);
    for (std::vector<Use>& uses : uses_) {
        uses.clear();
    }
    collect_wants();
    grid_.begin(nanos);
    for (const Want& want : wants_) {
        run_task(want, nanos);
    }
    grid_.end();
    charge(nanos);
}

void SimulatedHost::charge(std::uint64_t time) {
    std::vector<std::uint64_t> busy;
    for (unsigned socket = 0; socket < grid_.sockets(); ++socket) {
        busy.push_back(grid_.busy(socket));
        other_cpu_[socket] += grid_.irq(socket);
    }
    const std::vector<Energy>& used = zones_.charge(time, busy);
    for (std::size_t zone = 0; zone < used.size(); ++zone) {
        if (zones_.zones()[zone].role != ZoneRole::mmio) {
            share(zone, used[zone]);
        }
    }
}

// The ideal meter: everybody's part of the step, by CPU time on the sockets that the zone covers.
void SimulatedHost::share(std::size_t zone, const Energy& energy) {
    const std::optional<unsigned> only = zones_.zones()[zone].socket;
    const unsigned first = only.value_or(0);
    const unsigned last = only ? first + 1 : grid_.sockets();
    std::uint64_t busy = 0;
    std::uint64_t irq = 0;
    for (unsigned socket = first; socket < last; ++socket) {
        busy += grid_.busy(socket);
        irq += grid_.irq(socket);
    }
    if (busy == 0) {
        idle_[zone] += energy;
        return;
    }
    ExactSplit split(energy, busy);
    other_[zone] += split.take(irq);
    for (unsigned socket = first; socket < last; ++socket) {
        for (const Use& use : uses_[socket]) {
            const Energy part = split.take(use.cpu_ns);
            Process& process = *use.process;
            process.energy[zone] += part;
            if (process.vm != kNoVm) {
                population_.vms()[process.vm].energy[zone] += part;
            } else if (process.is_kernel_thread()) {
                other_[zone] += part;
            }
        }
    }
}

HostTruth SimulatedHost::truth() const {
    HostTruth truth;
    truth.now = now_;
    truth.since_boot = since_boot();
    truth.zones = zones_.zones();
    for (const VirtualMachine& vm : population_.vms()) {
        truth.vms.push_back(
            {vm.uuid, vm.name, vm.pid, {}, !vm.is_running(), vm.total_cpu(), vm.energy, vm.cpu});
    }
    const auto add = [this, &truth](const Process& process, bool has_ended) {
        if (!process.is_kernel_thread()) {
            truth.processes.push_back(
                {process.key(),
                 process.comm,
                 process.pid,
                 process.vm == kNoVm ? std::string() : population_.vms()[process.vm].uuid,
                 has_ended,
                 process.cpu,
                 process.energy,
                 {}});
        }
    };
    for (const auto& [pid, process] : population_.processes()) {
        add(process, false);
    }
    for (const Population::Ended& ended : population_.ended()) {
        add(ended.process, true);
    }
    truth.other = {"other", "other", 0, {}, false, other_cpu_, other_, {}};
    truth.ended = {"ended", "ended", 0, {}, true, ended_cpu_, ended_, {}};
    truth.idle = {"idle", "idle", 0, {}, false, SocketNanos(grid_.sockets()), idle_, {}};
    return truth;
}

} // namespace wattvisor::simulated
