// SPDX-License-Identifier: Apache-2.0
// The part of a scenario file that says who runs: VMs with their threads, and processes.
#include "tests/simulated-host/scenario_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace wattvisor::simulated {

namespace {

constexpr unsigned kMostVms = 10'000;
constexpr unsigned kMostThreads = 1024;
constexpr unsigned kMostProcesses = 100'000;
constexpr std::string_view kNumber = "{n}";

constexpr std::array kKinds{YamlChoice<Component>{"emulator", Component::emulator},
                            YamlChoice<Component>{"iothread", Component::iothread},
                            YamlChoice<Component>{"worker", Component::worker},
                            YamlChoice<Component>{"vhost", Component::vhost},
                            YamlChoice<Component>{"virtiofsd", Component::virtiofsd},
                            YamlChoice<Component>{"swtpm", Component::swtpm},
                            YamlChoice<Component>{"passt", Component::passt},
                            YamlChoice<Component>{"slirp", Component::slirp}};

constexpr std::size_t kLongestName = 200;

// A line of /proc holds it.
bool is_process_name(const std::string& name) {
    return !name.empty() && name.size() <= kLongestName &&
           name.find_first_of(std::string("\n\0", 2)) == std::string::npos;
}

// A file is named after it too.
bool is_vm_name(const std::string& name) {
    return is_process_name(name) && name != "." && name != ".." &&
           name.find('/') == std::string::npos;
}

bool is_uuid(const std::string& text) {
    constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    return text.size() == kShape.size() &&
           std::equal(text.begin(), text.end(), kShape.begin(), [](char c, char shape) {
               const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
               return shape == '-' ? c == '-' : is_hex;
           });
}

std::string numbered(const std::string& pattern, unsigned number) {
    std::string name = pattern;
    const std::size_t place = name.find(kNumber);
    return place == std::string::npos ? name
                                      : name.replace(place, kNumber.size(), std::to_string(number));
}

void read_name(YamlSection& section, std::string& name, bool is_vm) {
    section.require("name", is_vm ? "name: web-1" : "name: backup");
    section.read("name", name);
    if (section.has("name") && !(is_vm ? is_vm_name(name) : is_process_name(name))) {
        section.add_problem("name", std::string("name must be 1 to 200 bytes without ") +
                                        (is_vm ? "/ and line feeds" : "line feeds"));
    }
}

ThreadSpec read_thread(YamlSection& section, const Scenario& scenario) {
    ThreadSpec thread;
    section.require("kind", "kind: iothread");
    section.read_choice("kind", thread.component, std::span(kKinds));
    read_count(section, "count", thread.count, 1, kMostThreads);
    section.read("kernel_thread", thread.kernel_thread);
    if (thread.kernel_thread && thread.component != Component::vhost) {
        section.add_problem("kernel_thread", "only vhost workers were ever threads of the kernel");
    }
    read_births(section, scenario, thread.every, thread.lives);
    if (thread.every.count() > 0 && thread.component != Component::worker) {
        section.add_problem("every", "only a worker comes and goes");
    }
    read_load(section, scenario, thread.load);
    return thread;
}

VmSpec read_vm(YamlSection& section, const Scenario& scenario) {
    VmSpec vm;
    read_name(section, vm.name, true);
    section.read("uuid", vm.uuid);
    if (!vm.uuid.empty() && !is_uuid(vm.uuid)) {
        section.add_problem("uuid", "uuid must be 32 lower-case hexadecimal digits with dashes, "
                                    "such as 00000000-0000-4000-8000-000000000001");
    }
    section.read("title", vm.title);
    read_count(section, "vcpus", vm.vcpus, 1, kMostThreads);
    read_load(section, scenario, vm.load);
    for (YamlSection& thread : section.list("threads")) {
        vm.threads.push_back(read_thread(thread, scenario));
    }
    read_placement(section, scenario, vm.placement);
    auto memory = static_cast<std::int64_t>(vm.memory_mib);
    section.read("memory_mib", memory, 1, 1 << 26);
    vm.memory_mib = static_cast<std::uint64_t>(memory);
    if (section.has("memory_node")) {
        unsigned node = 0;
        read_count(section, "memory_node", node, 0,
                   scenario.host.sockets * scenario.host.nodes_per_socket - 1);
        vm.memory_node = node;
    }
    section.read("used_before", vm.used_before, nanoseconds(0), kLongestTime);
    section.read("starts_stopped", vm.starts_stopped);
    return vm;
}

void add_vm(YamlSection& section, Scenario& scenario, VmSpec vm) {
    const auto same = [&vm](const VmSpec& other) {
        return other.name == vm.name || (!vm.uuid.empty() && other.uuid == vm.uuid);
    };
    if (std::any_of(scenario.vms.begin(), scenario.vms.end(), same)) {
        section.add_problem("name", "there is a VM with this name or uuid already; with count, "
                                    "the name must have {n} in it");
        return;
    }
    scenario.vms.push_back(std::move(vm));
}

} // namespace

void read_vms(YamlSection& root, Scenario& scenario) {
    for (YamlSection& section : root.list("vms")) {
        const VmSpec vm = read_vm(section, scenario);
        unsigned count = 1;
        read_count(section, "count", count, 1, kMostVms);
        if (count > 1 && (!vm.uuid.empty() || vm.name.find(kNumber) == std::string::npos)) {
            section.add_problem("count", "with count, the name must have {n} in it for the number "
                                         "of each, and there is no uuid");
            continue;
        }
        for (unsigned number = 1; number <= count; ++number) {
            VmSpec each = vm;
            each.name = numbered(vm.name, number);
            each.title = numbered(vm.title, number);
            add_vm(section, scenario, std::move(each));
        }
    }
}

void read_processes(YamlSection& root, Scenario& scenario) {
    for (YamlSection& section : root.list("processes")) {
        ProcessSpec process;
        read_name(section, process.name, false);
        section.read("cmdline", process.cmdline);
        read_count(section, "count", process.count, 1, kMostProcesses);
        read_count(section, "threads", process.threads, 1, kMostThreads);
        section.read("kernel_thread", process.kernel_thread);
        if (process.kernel_thread && process.threads > 1) {
            section.add_problem("threads", "a thread of the kernel is one thread");
        }
        read_load(section, scenario, process.load);
        read_placement(section, scenario, process.placement);
        read_births(section, scenario, process.every, process.lives);
        section.read("used_before", process.used_before, nanoseconds(0), kLongestTime);
        scenario.processes.push_back(std::move(process));
    }
}

} // namespace wattvisor::simulated
