// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/machine_files.hpp"

#include "tests/simulated-host/padded_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

namespace wattvisor::simulated {

namespace fs = std::filesystem;

namespace {

Result<bool> place(const fs::path& path, const std::string& text) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) {
        return system_error(error.value(), path.parent_path().string());
    }
    return place_text(path, text);
}

std::string meminfo(unsigned node, std::uint64_t total_mib, std::uint64_t used_mib) {
    const std::uint64_t used = std::min(used_mib, total_mib);
    return fmt::format("Node {0} MemTotal:       {1} kB\nNode {0} MemFree:        {2} kB\n"
                       "Node {0} MemUsed:        {3} kB\n",
                       node, total_mib * 1024, (total_mib - used) * 1024, used * 1024);
}

// As firmware tells it: 10 to itself, more to others (ACPI's SLIT).
std::string distances(unsigned node, unsigned nodes, unsigned per_socket) {
    std::string text;
    for (unsigned other = 0; other < nodes; ++other) {
        const bool near = other / per_socket == node / per_socket;
        text += fmt::format("{}{}", other == 0 ? "" : " ", other == node ? 10 : near ? 12 : 21);
    }
    return text + "\n";
}

Result<bool> write_nodes(const fs::path& folder, const SimulatedHost& host) {
    const HostSpec& spec = host.scenario().host;
    const unsigned nodes = spec.sockets * spec.nodes_per_socket;
    const unsigned cpus = spec.cpus_per_socket / spec.nodes_per_socket;
    std::vector<std::uint64_t> used(nodes);
    for (const VirtualMachine& vm : host.population().vms()) {
        const auto parts = memory_per_node(spec, *vm.spec);
        std::transform(parts.begin(), parts.end(), used.begin(), used.begin(), std::plus<>());
    }
    for (unsigned node = 0; node < nodes; ++node) {
        const fs::path place_of = folder / fmt::format("node{}", node);
        for (const auto& [name, text] :
             {std::pair("cpulist", format_cpu_range(node * cpus, cpus) + "\n"),
              std::pair("meminfo", meminfo(node, spec.node_memory_mib, used[node])),
              std::pair("distance", distances(node, nodes, spec.nodes_per_socket))}) {
            if (auto placed = place(place_of / name, text); !placed) {
                return placed;
            }
        }
    }
    return place(folder / "online", format_cpu_range(0, nodes) + "\n");
}

} // namespace

std::string format_cpu_range(unsigned first, unsigned count) {
    return count == 0   ? std::string()
           : count == 1 ? std::to_string(first)
                        : fmt::format("{}-{}", first, first + count - 1);
}

std::vector<std::uint64_t> memory_per_node(const HostSpec& host, const VmSpec& vm) {
    const std::size_t nodes = static_cast<std::size_t>(host.sockets) * host.nodes_per_socket;
    std::vector<std::uint64_t> parts(nodes);
    if (vm.memory_node) {
        parts[*vm.memory_node % nodes] = vm.memory_mib;
        return parts;
    }
    for (std::size_t node = 0; node < nodes; ++node) {
        parts[node] = vm.memory_mib / nodes + (node < vm.memory_mib % nodes ? 1 : 0);
    }
    return parts;
}

Result<bool> write_machine_files(const fs::path& sys_root, const SimulatedHost& host) {
    const CpuGrid& grid = host.grid();
    const auto cpus = static_cast<unsigned>(grid.cpus().size());
    const fs::path folder = sys_root / "devices/system/cpu";
    for (const char* name : {"online", "possible", "present"}) {
        if (auto placed = place(folder / name, format_cpu_range(0, cpus) + "\n"); !placed) {
            return placed;
        }
    }
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
        const fs::path topology = folder / fmt::format("cpu{}/topology", cpu);
        auto placed =
            place(topology / "physical_package_id", fmt::format("{}\n", grid.socket_of(cpu)));
        if (!placed) {
            return placed;
        }
        const unsigned core = cpu % grid.per_socket();
        if (auto id = place(topology / "core_id", fmt::format("{}\n", core)); !id) {
            return id;
        }
    }
    return write_nodes(sys_root / "devices/system/node", host);
}

} // namespace wattvisor::simulated
