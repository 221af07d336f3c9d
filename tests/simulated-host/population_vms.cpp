// SPDX-License-Identifier: Apache-2.0
// Starting and stopping VMs: the processes and threads that libvirt and QEMU make for one.
#include "tests/simulated-host/population.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace wattvisor::simulated {

namespace {

const Load asleep{};

bool is_helper(const ThreadSpec& spec) {
    switch (spec.component) {
    case Component::virtiofsd:
    case Component::swtpm:
    case Component::passt:
    case Component::slirp:
        return true;
    case Component::vhost:
        return spec.kernel_thread;
    default:
        return false;
    }
}

const char* program_of(Component component) {
    switch (component) {
    case Component::virtiofsd:
        return "virtiofsd";
    case Component::swtpm:
        return "swtpm";
    case Component::passt:
        return "passt";
    default:
        return "slirp-helper";
    }
}

// As with QEMU's -name debug-threads=on, which libvirt sets.
std::string thread_name(Component component, unsigned number, pid_t qemu) {
    switch (component) {
    case Component::vcpu:
        return fmt::format("CPU {}/KVM", number);
    case Component::iothread:
        return fmt::format("IO iothread{}", number + 1);
    case Component::vhost:
        return fmt::format("vhost-{}", qemu);
    default:
        return "worker";
    }
}

// systemd's escaping of unit names (systemd.unit(5)), as machined uses it.
std::string escape_unit(const std::string& name) {
    std::string escaped;
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == ':' || c == '.';
        escaped +=
            plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    return escaped;
}

// QEMU's main thread is in ".../libvirt/emulator", the groups of its other threads are beside it.
std::string scope_of(const Process& qemu) {
    return qemu.cgroup.substr(0, qemu.cgroup.rfind('/') + 1);
}

} // namespace

std::string scope_name(int libvirt_id, const std::string& name) {
    return "machine-" + escape_unit(fmt::format("qemu-{}-{}", libvirt_id, name)) + ".scope";
}

void Population::start_vm(std::size_t index, std::uint64_t boot_ns, std::optional<pid_t> pid) {
    VirtualMachine& vm = vms_[index];
    vm.libvirt_id = ++last_libvirt_id_;
    Process process;
    process.pid = pid.value_or(0);
    process.kind = ProcessKind::qemu;
    process.vm = index;
    process.comm = "qemu-system-x86";
    process.arguments = {"/usr/bin/qemu-system-x86_64",
                         "-name",
                         "guest=" + vm.name + ",debug-threads=on",
                         "-uuid",
                         vm.uuid,
                         "-smp",
                         std::to_string(vm.spec->vcpus)};
    process.cgroup = "/machine.slice/" + scope_name(vm.libvirt_id, vm.name) + "/libvirt/emulator";
    Process& qemu = add_process(std::move(process), boot_ns);
    vm.pid = qemu.pid;
    const auto emulator =
        std::find_if(vm.spec->threads.begin(), vm.spec->threads.end(),
                     [](const ThreadSpec& spec) { return spec.component == Component::emulator; });
    add_task(qemu,
             {Component::emulator, qemu.comm,
              emulator == vm.spec->threads.end() ? asleep : emulator->load, vm.spec->placement,
              qemu.cgroup},
             boot_ns);
    for (unsigned vcpu = 0; vcpu < vm.spec->vcpus; ++vcpu) {
        add_task(qemu,
                 {Component::vcpu, thread_name(Component::vcpu, vcpu, qemu.pid), vm.spec->load,
                  vm.spec->placement, scope_of(qemu) + "vcpu" + std::to_string(vcpu)},
                 boot_ns);
    }
    if (now_ == nanoseconds(0)) {
        qemu.tasks.back().used.user += static_cast<std::uint64_t>(vm.spec->used_before.count());
    }
    for (const ThreadSpec& spec : vm.spec->threads) {
        add_vm_threads(index, spec, boot_ns);
    }
}

void Population::add_vm_threads(std::size_t index, const ThreadSpec& spec, std::uint64_t boot_ns) {
    if (spec.component == Component::emulator) {
        return; // QEMU's main thread is there already
    }
    if (spec.every > nanoseconds(0)) {
        spawners_.push_back({now_ + spec.every, spec.every, spec.lives, index, &spec, nullptr});
        return;
    }
    for (unsigned i = 0; i < spec.count; ++i) {
        if (is_helper(spec)) {
            add_helper(index, spec, boot_ns);
        } else {
            Process& qemu = processes_.at(vms_[index].pid);
            const std::string cgroup = spec.component == Component::iothread
                                           ? scope_of(qemu) + "iothread" + std::to_string(i + 1)
                                           : qemu.cgroup;
            add_task(qemu,
                     {spec.component, thread_name(spec.component, i, qemu.pid), spec.load,
                      vms_[index].spec->placement, cgroup},
                     boot_ns);
        }
    }
}

void Population::add_helper(std::size_t index, const ThreadSpec& spec, std::uint64_t boot_ns) {
    VirtualMachine& vm = vms_[index];
    const bool is_vhost = spec.component == Component::vhost;
    Process process;
    process.kind = is_vhost ? ProcessKind::vhost : ProcessKind::helper;
    process.parent = is_vhost ? 2 : 1;
    process.vm = index;
    process.comm = is_vhost ? thread_name(Component::vhost, 0, vm.pid) : program_of(spec.component);
    if (!is_vhost) {
        process.arguments = {"/usr/bin/" + process.comm, "--vm=" + vm.name};
    }
    // libvirt puts its helpers into the emulator's group, the kernel a vhost worker into that of
    // its owner.
    process.cgroup = processes_.at(vm.pid).cgroup;
    Process& added = add_process(std::move(process), boot_ns);
    add_task(added, {spec.component, added.comm, spec.load, vm.spec->placement, added.cgroup},
             boot_ns);
    vm.helpers.emplace_back(spec.component, added.pid);
}

void Population::stop_vm(std::size_t index) {
    VirtualMachine& vm = vms_[index];
    for (const auto& [component, pid] : vm.helpers) {
        end_process(processes_.find(pid), now_);
    }
    end_process(processes_.find(vm.pid), now_);
    std::erase_if(spawners_, [index](const Spawner& spawner) { return spawner.vm == index; });
    vm.helpers.clear();
    vm.pid = 0;
    vm.libvirt_id = -1;
}

bool Population::apply(const Event& event, std::uint64_t boot_ns) {
    ++generation_;
    if (event.kind == EventKind::process_rename) {
        bool found = false;
        for (auto& [pid, process] : processes_) {
            if (process.vm == kNoVm && process.comm == event.target) {
                found = true;
                process.comm = event.text.substr(0, kLongestComm);
                process.tasks.front().comm = process.comm;
            }
        }
        return found;
    }
    const auto vm = std::find_if(vms_.begin(), vms_.end(), [&event](const VirtualMachine& each) {
        return each.name == event.target;
    });
    if (vm == vms_.end()) {
        return false;
    }
    const auto index = static_cast<std::size_t>(vm - vms_.begin());
    const std::optional<pid_t> pid = event.same_pid ? std::optional(vm->pid) : std::nullopt;
    if (vm->is_running() &&
        (event.kind == EventKind::vm_stop || event.kind == EventKind::vm_restart)) {
        stop_vm(index);
    }
    if (!vm->is_running() &&
        (event.kind == EventKind::vm_start || event.kind == EventKind::vm_restart)) {
        start_vm(index, boot_ns, pid && *pid != 0 ? pid : std::nullopt);
    }
    if (event.kind == EventKind::vm_rename) {
        vm->name = event.text;
    }
    return true;
}

} // namespace wattvisor::simulated
