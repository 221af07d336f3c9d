// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/population.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace wattvisor::simulated {

namespace {

const Load asleep{};
const Placement anywhere{};
const std::string worker_name = "worker";

std::vector<std::string> words(const std::string& text) {
    std::vector<std::string> found;
    std::size_t begin = text.find_first_not_of(' ');
    while (begin != std::string::npos) {
        const std::size_t end = text.find(' ', begin);
        found.push_back(text.substr(begin, end - begin));
        begin = end == std::string::npos ? end : text.find_first_not_of(' ', end);
    }
    return found;
}

} // namespace

CpuSplit& CpuSplit::operator+=(const CpuSplit& other) {
    user += other.user;
    system += other.system;
    guest += other.guest;
    return *this;
}

CpuSplit Process::used() const {
    CpuSplit sum = ended_threads;
    for (const Task& task : tasks) {
        sum += task.used;
    }
    return sum;
}

std::string Process::key() const {
    return fmt::format("{}:{}", pid, start_ticks());
}

SocketNanos VirtualMachine::total_cpu() const {
    SocketNanos sum(cpu.front().size());
    for (const SocketNanos& part : cpu) {
        std::transform(part.begin(), part.end(), sum.begin(), sum.begin(), std::plus<>());
    }
    return sum;
}

std::string make_uuid(std::size_t number) {
    return fmt::format("00000000-0000-4000-8000-{:012x}", number + 1);
}

Population::Population(const Scenario& scenario, std::size_t zones)
    : scenario_(scenario), zones_(zones) {
    const auto boot_ns = static_cast<std::uint64_t>(scenario.host.booted_before.count());
    add_init();
    for (const ProcessSpec& spec : scenario.processes) {
        add_processes(spec, boot_ns);
    }
    for (const VmSpec& spec : scenario.vms) {
        VirtualMachine vm;
        vm.spec = &spec;
        vm.name = spec.name;
        vm.uuid = spec.uuid.empty() ? make_uuid(vms_.size()) : spec.uuid;
        vm.cpu.fill(SocketNanos(scenario.host.sockets));
        vm.energy.resize(zones_);
        vms_.push_back(std::move(vm));
    }
    for (std::size_t i = 0; i < vms_.size(); ++i) {
        if (!vms_[i].spec->starts_stopped) {
            start_vm(i, boot_ns, std::nullopt);
        }
    }
}

// As on any host: init, which inherits and waits for what ends, and the parent of kernel threads.
void Population::add_init() {
    for (const auto& [pid, name] : {std::pair(1, "systemd"), std::pair(2, "kthreadd")}) {
        Process process;
        process.pid = pid;
        process.parent = 0;
        process.kind = pid == 2 ? ProcessKind::kernel : ProcessKind::user;
        process.comm = name;
        process.cgroup = pid == 2 ? "/" : "/init.scope";
        if (pid == 1) {
            process.arguments = {"/sbin/init"};
        }
        Process& added = add_process(std::move(process), 0);
        add_task(added, {Component::process, added.comm, asleep, anywhere, added.cgroup}, 0);
    }
}

void Population::add_processes(const ProcessSpec& spec, std::uint64_t boot_ns) {
    if (spec.every > nanoseconds(0)) {
        spawners_.push_back({spec.every, spec.every, spec.lives, kNoVm, nullptr, &spec});
        return;
    }
    for (unsigned i = 0; i < spec.count; ++i) {
        Process& process = spawn(spec, boot_ns);
        process.tasks.front().used.user = static_cast<std::uint64_t>(spec.used_before.count());
    }
}

pid_t Population::new_pid() {
    constexpr pid_t kLargest = 4'194'303; // PID_MAX_LIMIT of 64-bit kernels
    do {
        last_pid_ = last_pid_ >= kLargest ? 300 : last_pid_ + 1; // RESERVED_PIDS
    } while (processes_.contains(last_pid_));
    return last_pid_;
}

Process& Population::add_process(Process process, std::uint64_t boot_ns) {
    process.pid = process.pid != 0 ? process.pid : new_pid();
    process.start_ns = boot_ns;
    process.cpu.resize(scenario_.host.sockets);
    process.energy.resize(zones_);
    const pid_t pid = process.pid;
    return processes_.insert_or_assign(pid, std::move(process)).first->second;
}

std::size_t Population::cgroup_at(const std::string& path) {
    const auto [entry, is_new] = cgroup_of_path_.try_emplace(path, cgroups_.size());
    if (is_new) {
        const HostSpec& host = scenario_.host;
        const std::size_t cpus = static_cast<std::size_t>(host.sockets) * host.cpus_per_socket;
        cgroups_.push_back({path, std::vector<std::uint64_t>(cpus), {}});
    }
    return entry->second;
}

void Population::add_task(Process& process, const NewTask& wanted, std::uint64_t boot_ns) {
    Task task;
    task.tid = process.tasks.empty() ? process.pid : new_pid();
    task.component = wanted.component;
    task.comm = wanted.comm.substr(0, kLongestComm);
    task.load = &wanted.load;
    task.placement = &wanted.placement;
    task.number = tasks_++;
    ++generation_;
    task.start_ns = boot_ns;
    task.cgroup = cgroup_at(wanted.cgroup);
    const HostSpec& host = scenario_.host;
    const unsigned socket =
        wanted.placement.socket.value_or(static_cast<unsigned>(task.number % host.sockets));
    task.last_cpu = socket * host.cpus_per_socket +
                    static_cast<unsigned>(task.number / host.sockets % host.cpus_per_socket);
    process.tasks.push_back(std::move(task));
}

Process& Population::spawn(const ProcessSpec& spec, std::uint64_t boot_ns) {
    Process process;
    process.kind = spec.kernel_thread ? ProcessKind::kernel : ProcessKind::user;
    process.parent = spec.kernel_thread ? 2 : 1;
    process.comm = spec.name.substr(0, kLongestComm);
    std::string unit = spec.name;
    std::replace_if(
        unit.begin(), unit.end(), [](char c) { return c == ' ' || c == '/'; }, '_');
    process.cgroup = spec.kernel_thread ? "/" : "/system.slice/" + unit + ".service";
    if (!spec.kernel_thread) {
        process.arguments = words(spec.cmdline.empty() ? spec.name : spec.cmdline);
    }
    Process& added = add_process(std::move(process), boot_ns);
    for (unsigned thread = 0; thread < spec.threads; ++thread) {
        add_task(added, {Component::process, spec.name, spec.load, spec.placement, added.cgroup},
                 boot_ns);
    }
    return added;
}

void Population::end_tasks(Process& process, nanoseconds now) {
    std::erase_if(process.tasks, [this, &process, now](const Task& task) {
        const bool is_over = task.ends && *task.ends <= now;
        if (is_over) {
            ++generation_;
            process.ended_threads += task.used;
        }
        return is_over;
    });
}

void Population::end_process(std::map<pid_t, Process>::iterator entry, nanoseconds now) {
    ++generation_;
    Process& process = entry->second;
    const auto parent = processes_.find(process.parent);
    if (parent != processes_.end()) {
        parent->second.ended_children += process.used();
        parent->second.ended_children += process.ended_children;
    }
    if (process.vm == kNoVm) {
        ended_.push_back({std::move(process), now});
    }
    processes_.erase(entry);
}

void Population::run_spawner(Spawner& spawner, nanoseconds now, std::uint64_t boot_ns) {
    for (; spawner.next <= now; spawner.next += spawner.every) {
        if (spawner.process != nullptr) {
            for (unsigned i = 0; i < spawner.process->count; ++i) {
                spawn(*spawner.process, boot_ns).ends = now + spawner.lives;
            }
            continue;
        }
        const VirtualMachine& vm = vms_[spawner.vm];
        const auto process = processes_.find(vm.pid);
        for (unsigned i = 0; process != processes_.end() && i < spawner.threads->count; ++i) {
            add_task(process->second,
                     {spawner.threads->component, worker_name, spawner.threads->load,
                      vm.spec->placement, process->second.cgroup},
                     boot_ns);
            process->second.tasks.back().ends = now + spawner.lives;
        }
    }
}

void Population::live(nanoseconds now, std::uint64_t boot_ns) {
    now_ = now;
    for (auto entry = processes_.begin(); entry != processes_.end();) {
        const auto process = entry++;
        if (process->second.ends && *process->second.ends <= now) {
            end_process(process, now);
        } else {
            end_tasks(process->second, now);
        }
    }
    for (Spawner& spawner : spawners_) {
        run_spawner(spawner, now, boot_ns);
    }
}

std::vector<Process> Population::take_ended(nanoseconds since) {
    const auto first = std::find_if(ended_.begin(), ended_.end(),
                                    [since](const Ended& ended) { return ended.at >= since; });
    std::vector<Process> taken;
    for (auto it = ended_.begin(); it != first; ++it) {
        taken.push_back(std::move(it->process));
    }
    ended_.erase(ended_.begin(), first);
    return taken;
}

} // namespace wattvisor::simulated
