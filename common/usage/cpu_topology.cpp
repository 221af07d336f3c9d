// SPDX-License-Identifier: Apache-2.0
#include "common/usage/cpu_topology.hpp"

#include "common/base/text_file.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>

namespace wattvisor {

namespace {

// The kernel's own limit is 8192 (CONFIG_MAXSMP); a list beyond it is no list of CPUs.
constexpr std::uint64_t kMostCpus = 1U << 16U;

std::optional<unsigned> parse_cpu(std::string_view text) {
    const auto number = parse_number(text);
    return number && *number < kMostCpus ? std::optional(static_cast<unsigned>(*number))
                                         : std::nullopt;
}

unsigned read_package(const std::filesystem::path& cpu_folder) {
    const auto text = read_text(cpu_folder / "topology/physical_package_id", 64);
    const auto number = text ? parse_number(*text) : std::nullopt; // -1 is no number: unknown
    return number && *number < kMostCpus ? static_cast<unsigned>(*number) : 0;
}

} // namespace

std::chrono::nanoseconds total_of(const SocketTimes& times) {
    return std::accumulate(times.begin(), times.end(), std::chrono::nanoseconds(0));
}

unsigned CpuTopology::total_cpus() const {
    return std::accumulate(cpus.begin(), cpus.end(), 0U);
}

std::optional<std::size_t> CpuTopology::socket_of_package(unsigned package) const {
    const auto found = std::lower_bound(packages.begin(), packages.end(), package);
    if (found == packages.end() || *found != package) {
        return std::nullopt;
    }
    return static_cast<std::size_t>(found - packages.begin());
}

CpuTopology single_socket(unsigned cpus) {
    return {{0}, {cpus}, std::vector<std::size_t>(cpus, 0)};
}

std::optional<std::vector<unsigned>> parse_cpu_list(std::string_view text) {
    std::vector<unsigned> cpus;
    text = trim(text);
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find(','));
        const std::size_t dash = part.find('-');
        const auto first = parse_cpu(part.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : parse_cpu(part.substr(dash + 1));
        if (!first || !last || *last < *first) {
            return std::nullopt;
        }
        for (unsigned cpu = *first; cpu <= *last; ++cpu) {
            cpus.push_back(cpu);
        }
        if (part.size() + 1 == text.size()) {
            return std::nullopt; // ends with a comma
        }
        text.remove_prefix(std::min(part.size() + 1, text.size()));
    }
    return cpus;
}

Result<CpuTopology> read_topology(const std::filesystem::path& sys_root) {
    const std::filesystem::path folder = sys_root / "devices/system/cpu";
    const auto text = read_text(folder / "online");
    if (!text) {
        return text.error();
    }
    const auto online = parse_cpu_list(*text);
    if (!online || online->empty()) {
        return Error{
            Severity::transient, "is not a list of CPUs", (folder / "online").string(), {}};
    }
    std::vector<unsigned> package_of;
    CpuTopology topology;
    for (const unsigned cpu : *online) {
        package_of.push_back(read_package(folder / ("cpu" + std::to_string(cpu))));
    }
    topology.packages = package_of;
    std::sort(topology.packages.begin(), topology.packages.end());
    topology.packages.erase(std::unique(topology.packages.begin(), topology.packages.end()),
                            topology.packages.end());
    topology.cpus.resize(topology.sockets());
    topology.socket_of_cpu.resize(*std::max_element(online->begin(), online->end()) + 1,
                                  topology.sockets());
    for (std::size_t i = 0; i < online->size(); ++i) {
        const std::size_t socket = *topology.socket_of_package(package_of[i]);
        ++topology.cpus[socket];
        topology.socket_of_cpu[(*online)[i]] = socket;
    }
    return topology;
}

} // namespace wattvisor
