// SPDX-License-Identifier: Apache-2.0
#include "common/usage/numa_memory.hpp"

#include "common/base/text_file.hpp"

#include <algorithm>
#include <dirent.h>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace wattvisor {

namespace fs = std::filesystem;

namespace {

__extension__ using Wide = unsigned __int128;

// 65,530 mappings (vm.max_map_count) of 150 bytes.
constexpr std::size_t kLargestNumaMaps = std::size_t{16} << 20U;

fs::path node_folder(const fs::path& sys_root, unsigned node) {
    return sys_root / "devices/system/node" / ("node" + std::to_string(node));
}

Error not_understood(const fs::path& path) {
    return Error{Severity::transient, "is not what the kernel writes there", path.string(), {}};
}

std::vector<unsigned> read_cpus(const fs::path& folder, const CpuTopology& topology) {
    std::vector<unsigned> counts(std::max(topology.sockets(), std::size_t{1}));
    const auto text = read_text(folder / "cpulist");
    const auto cpus = text ? parse_cpu_list(*text) : std::nullopt;
    for (const unsigned cpu : cpus ? *cpus : std::vector<unsigned>()) {
        const std::size_t socket =
            cpu < topology.socket_of_cpu.size() ? topology.socket_of_cpu[cpu] : topology.sockets();
        if (socket < topology.sockets()) {
            ++counts[socket];
        }
    }
    return counts;
}

bool has_cpus(const NumaNode& node) {
    return std::any_of(node.cpus.begin(), node.cpus.end(),
                       [](unsigned count) { return count > 0; });
}

// Persistent memory and memory expanders are nodes of their own, without CPUs.
void join_nearest(NumaNode& node, const std::vector<NumaNode>& nodes,
                  const std::vector<unsigned>& distances) {
    const NumaNode* nearest = nullptr;
    unsigned least = std::numeric_limits<unsigned>::max();
    for (std::size_t i = 0; i < nodes.size() && i < distances.size(); ++i) {
        if (has_cpus(nodes[i]) && distances[i] < least) {
            nearest = &nodes[i];
            least = distances[i];
        }
    }
    if (nearest != nullptr) {
        node.cpus = nearest->cpus;
    }
}

// Adds what the groups of huge pages count. False where there are none.
bool add_hugetlb(const fs::path& group, NodeBytes& bytes) {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(group.c_str()), ::closedir);
    bool found = false;
    while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
        const std::string_view name = entry->d_name;
        if (!name.starts_with("hugetlb.") || !name.ends_with(".numa_stat")) {
            continue;
        }
        const auto text = read_text(group / name);
        if (const auto pages = text ? parse_hugetlb_numa_stat(*text) : std::nullopt) {
            add_bytes(bytes, *pages);
            found = true;
        }
    }
    return found;
}

// "HugetlbPages:	   2048 kB" of /proc/PID/status.
bool uses_huge_pages(const fs::path& process) {
    constexpr std::string_view kLine = "\nHugetlbPages:";
    const auto text = read_text(process / "status");
    const auto at = text ? text->find(kLine) : std::string::npos;
    if (at == std::string::npos) {
        return false;
    }
    const std::string_view rest = std::string_view(*text).substr(at + kLine.size());
    const std::string_view number = trim(rest.substr(0, rest.find("kB")));
    return parse_number(number).value_or(0) > 0;
}

Result<NodeBytes> read_numa_maps(const fs::path& process, NumaMapsPart part) {
    const auto text = read_text(process / "numa_maps", kLargestNumaMaps);
    if (!text) {
        return text.error();
    }
    return parse_numa_maps(*text, part);
}

Result<NodeBytes> read_group(const NumaMemorySource& source) {
    const fs::path path = *source.memory_group / "memory.numa_stat";
    const auto text = read_text(path);
    if (!text) {
        return text.error();
    }
    const auto page_size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    auto bytes = source.is_v2 ? parse_numa_stat_v2(*text) : parse_numa_stat_v1(*text, page_size);
    if (!bytes) {
        return not_understood(path);
    }
    return std::move(*bytes);
}

} // namespace

std::vector<std::uint64_t> NumaTopology::by_socket(const NodeBytes& bytes) const {
    std::vector<std::uint64_t> sums(std::max(sockets, std::size_t{1}));
    for (const auto& [id, value] : bytes) {
        const auto node = std::find_if(nodes.begin(), nodes.end(),
                                       [id = id](const NumaNode& each) { return each.id == id; });
        if (node == nodes.end() || !has_cpus(*node)) {
            sums[0] += value;
            continue;
        }
        const auto all = std::accumulate(node->cpus.begin(), node->cpus.end(), std::uint64_t{0});
        std::uint64_t before = 0;
        std::uint64_t given = 0;
        for (std::size_t socket = 0; socket < node->cpus.size(); ++socket) {
            before += node->cpus[socket];
            const auto until = static_cast<std::uint64_t>(Wide{value} * before / all);
            sums[socket] += until - std::exchange(given, until);
        }
    }
    return sums;
}

Result<NumaTopology> read_numa_topology(const fs::path& sys_root, const CpuTopology& cpus) {
    const fs::path path = sys_root / "devices/system/node/online";
    const auto text = read_text(path);
    if (!text) {
        return text.error();
    }
    const auto online = parse_cpu_list(*text); // lists of nodes are written the same way
    if (!online || online->empty()) {
        return not_understood(path);
    }
    NumaTopology topology;
    topology.sockets = std::max(cpus.sockets(), std::size_t{1});
    for (const unsigned id : *online) {
        topology.nodes.push_back({id, read_cpus(node_folder(sys_root, id), cpus)});
    }
    const std::vector<NumaNode> nodes = topology.nodes;
    for (NumaNode& node : topology.nodes) {
        if (!has_cpus(node)) {
            const auto distances = read_text(node_folder(sys_root, node.id) / "distance");
            join_nearest(node, nodes,
                         distances ? parse_node_distances(*distances) : std::vector<unsigned>());
        }
    }
    return topology;
}

Result<NodeBytes> read_used_memory(const fs::path& sys_root, const NumaTopology& topology) {
    NodeBytes bytes;
    for (const NumaNode& node : topology.nodes) {
        const fs::path path = node_folder(sys_root, node.id) / "meminfo";
        const auto text = read_text(path);
        if (!text) {
            return text.error();
        }
        const auto used = parse_node_used_memory(*text);
        if (!used) {
            return not_understood(path);
        }
        bytes[node.id] = *used;
    }
    return bytes;
}

Result<NodeBytes> read_numa_memory(const NumaMemorySource& source) {
    auto bytes = source.memory_group ? read_group(source) : Result<NodeBytes>(Error{});
    if (!bytes) {
        return read_numa_maps(source.process, NumaMapsPart::all);
    }
    const bool is_counted = source.hugetlb_group && add_hugetlb(*source.hugetlb_group, *bytes);
    if (!is_counted && uses_huge_pages(source.process)) {
        auto huge = read_numa_maps(source.process, NumaMapsPart::huge_pages);
        if (!huge) {
            return huge.error();
        }
        add_bytes(*bytes, *huge);
    }
    return bytes;
}

} // namespace wattvisor
