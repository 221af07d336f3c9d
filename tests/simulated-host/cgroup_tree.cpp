// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/cgroup_tree.hpp"

#include "tests/simulated-host/machine_files.hpp"
#include "tests/simulated-host/proc_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <system_error>

namespace wattvisor::simulated {

namespace fs = std::filesystem;

namespace {

// "" for "/", then "/a" and "/a/b" for "/a/b".
std::vector<std::string> lineage(const std::string& path) {
    std::vector<std::string> all{""};
    for (std::size_t end = path.find('/', 1); path.size() > 1; end = path.find('/', end + 1)) {
        all.push_back(path.substr(0, end));
        if (end == std::string::npos) {
            break;
        }
    }
    return all;
}

bool is_thread_group(const std::string& path) {
    return path.find("/libvirt/") != std::string::npos;
}

Result<bool> make_folder(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    return error ? Result<bool>(system_error(error.value(), path.string())) : Result<bool>(true);
}

std::string numa_stat(CgroupVersion version, const std::vector<std::uint64_t>& mib) {
    const std::uint64_t sum = std::accumulate(mib.begin(), mib.end(), std::uint64_t{0});
    constexpr std::uint64_t kBytes = 1U << 20U;
    constexpr std::uint64_t kPages = 256;
    const bool is_v1 = version == CgroupVersion::v1;
    const auto line = [&](const std::string& name, bool has) {
        std::string text = is_v1 ? fmt::format("{}={}", name, has ? sum * kPages : 0) : name;
        for (std::size_t node = 0; node < mib.size(); ++node) {
            text += fmt::format(" N{}={}", node, has ? mib[node] * (is_v1 ? kPages : kBytes) : 0);
        }
        return text + "\n";
    };
    return is_v1 ? line("total", true) + line("file", false) + line("anon", true) +
                       line("unevictable", false)
                 : line("anon", true) + line("file", false) + line("shmem", false);
}

} // namespace

fs::path CgroupTree::cpu_folder(const std::string& path) const {
    fs::path folder = version_ == CgroupVersion::v2 ? root_ : root_ / "cpu,cpuacct";
    return folder += path;
}

fs::path CgroupTree::memory_folder(const std::string& path) const {
    fs::path folder = version_ == CgroupVersion::v2 ? root_ : root_ / "memory";
    return folder += path;
}

Result<CgroupTree> CgroupTree::create(const fs::path& root, const SimulatedHost& host,
                                      DescriptorBudget& budget) {
    CgroupTree tree(root, host.scenario().host.cgroup, budget);
    if (auto made = make_folder(tree.cpu_folder("")); !made) {
        return made.error();
    }
    std::error_code error;
    if (tree.version_ == CgroupVersion::v1) {
        for (const char* name : {"cpu", "cpuacct"}) { // as distributions have them
            fs::remove(root / name, error);
            fs::create_directory_symlink("cpu,cpuacct", root / name, error);
        }
    } else if (auto placed = place_text(root / "cgroup.controllers", "cpuset cpu io memory pids\n");
               !placed) {
        return placed.error();
    }
    auto written = tree.write(host);
    return written ? Result<CgroupTree>(std::move(tree)) : Result<CgroupTree>(written.error());
}

// What each group used since the last look goes to it and to all above it.
void CgroupTree::add_up(const Population& population) {
    const auto& groups = population.cgroups();
    const std::size_t known = seen_.size();
    seen_.resize(groups.size());
    seen_per_cpu_.resize(groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const Cgroup& group = groups[i];
        seen_per_cpu_[i].resize(group.per_cpu.size());
        if (i < known && group.used.total() == seen_[i].total()) {
            continue;
        }
        for (const std::string& path : lineage(group.path)) {
            Node& node = nodes_[path];
            node.per_cpu.resize(group.per_cpu.size());
            node.has_changed = true;
            node.used.user += group.used.user - seen_[i].user;
            node.used.system += group.used.system - seen_[i].system;
            for (std::size_t cpu = 0; cpu < group.per_cpu.size(); ++cpu) {
                node.per_cpu[cpu] += group.per_cpu[cpu] - seen_per_cpu_[i][cpu];
            }
        }
        seen_[i] = group.used;
        seen_per_cpu_[i] = group.per_cpu;
    }
}

// By path of the group. A group of version 2 that has threaded ones below it lists their processes.
std::map<std::string, CgroupTree::Members>
CgroupTree::find_members(const Population& population) const {
    std::map<std::string, Members> members;
    const auto add = [&members](const std::string& path, pid_t pid, pid_t tid) {
        Members& group = members[path];
        if (group.last_pid != pid) {
            group.procs += std::to_string(pid) + "\n";
            group.last_pid = pid;
        }
        group.tasks += std::to_string(tid) + "\n";
    };
    for (const auto& [pid, process] : population.processes()) {
        for (const Task& task : process.tasks) {
            const std::string& path = population.cgroups()[task.cgroup].path;
            add(path == "/" ? "" : path, pid, task.tid);
            if (is_thread_group(path)) {
                add(path.substr(0, path.rfind('/')), pid, task.tid);
            }
        }
    }
    return members;
}

Result<bool> CgroupTree::sync_folders(const SimulatedHost& host) {
    const Population& population = host.population();
    if (shown_generation_ == population.generation()) {
        return true;
    }
    shown_generation_ = population.generation();
    const auto members = find_members(population);
    for (auto& [path, node] : nodes_) {
        const auto found = members.lower_bound(path);
        const bool has_any = found != members.end() && found->first.starts_with(path);
        // What systemd and libvirt made for a VM goes with it; services stay.
        if (!has_any && path.starts_with("/machine.slice/")) {
            std::error_code error;
            node.cpu_files.clear();
            fs::remove_all(cpu_folder(path), error);
            fs::remove_all(memory_folder(path), error);
            node.is_there = false;
            continue;
        }
        if (!node.is_there) {
            if (auto made = appear(path, node); !made) {
                return made;
            }
        }
        const auto own = members.find(path);
        auto written = write_members(path, node, own == members.end() ? Members{} : own->second);
        if (!written) {
            return written;
        }
    }
    return write_memory(host);
}

std::vector<std::pair<std::string, std::string>> CgroupTree::cpu_texts(const Node& node) const {
    constexpr std::uint64_t kMicro = 1000;
    if (version_ == CgroupVersion::v2) {
        return {{"cpu.stat", fmt::format("usage_usec {}\nuser_usec {}\nsystem_usec {}\n",
                                         node.used.total() / kMicro, node.used.user / kMicro,
                                         node.used.system / kMicro)}};
    }
    std::string per_cpu;
    for (const std::uint64_t nanos : node.per_cpu) {
        per_cpu += std::to_string(nanos) + " ";
    }
    return {{"cpuacct.usage", fmt::format("{}\n", node.used.total())},
            {"cpuacct.usage_percpu", per_cpu + "\n"},
            {"cpuacct.stat", fmt::format("user {}\nsystem {}\n", node.used.user / kNanosPerTick,
                                         node.used.system / kNanosPerTick)}};
}

Result<bool> CgroupTree::appear(const std::string& path, Node& node) {
    if (auto made = make_folder(cpu_folder(path)); !made) {
        return made;
    }
    for (const auto& [name, text] : cpu_texts(node)) {
        auto file = PaddedFile::create(cpu_folder(path) / name, text, *budget_);
        if (!file) {
            return file.error();
        }
        node.cpu_files.push_back(std::move(*file));
    }
    if (version_ == CgroupVersion::v2 && !path.empty()) {
        const char* type = is_thread_group(path)        ? "threaded\n"
                           : path.ends_with("/libvirt") ? "domain threaded\n"
                                                        : "domain\n";
        if (auto placed = place_text(cpu_folder(path) / "cgroup.type", type); !placed) {
            return placed;
        }
    }
    node.is_there = true;
    node.procs = node.tasks = "?"; // not written yet
    return true;
}

Result<bool> CgroupTree::write_members(const std::string& path, Node& node,
                                       const Members& members) {
    const bool is_v2 = version_ == CgroupVersion::v2;
    // Of version 1, all threads' processes; those of the groups below are not the group's own.
    const bool is_gathered = !is_v2 && path.ends_with("/libvirt");
    const std::string procs = is_gathered ? std::string() : members.procs;
    const std::string tasks = is_gathered ? std::string() : members.tasks;
    if (node.procs != procs && !(is_v2 && is_thread_group(path))) {
        if (auto placed = place_text(cpu_folder(path) / "cgroup.procs", procs); !placed) {
            return placed;
        }
    }
    if (node.tasks != tasks) {
        const char* name = is_v2 ? "cgroup.threads" : "tasks";
        if (auto placed = place_text(cpu_folder(path) / name, tasks); !placed) {
            return placed;
        }
    }
    node.procs = procs;
    node.tasks = tasks;
    if (is_v2 || is_thread_group(path)) {
        return true;
    }
    if (auto made = make_folder(memory_folder(path)); !made) {
        return made;
    }
    return place_text(memory_folder(path) / "cgroup.procs", members.procs);
}

Result<bool> CgroupTree::place_memory(const std::string& path,
                                      const std::vector<std::uint64_t>& mib) {
    const std::uint64_t bytes =
        std::accumulate(mib.begin(), mib.end(), std::uint64_t{0}) * (1U << 20U);
    const char* name = version_ == CgroupVersion::v2 ? "memory.current" : "memory.usage_in_bytes";
    const fs::path folder = memory_folder(path);
    if (auto placed = place_text(folder / name, fmt::format("{}\n", bytes)); !placed) {
        return placed;
    }
    return place_text(folder / "memory.numa_stat", numa_stat(version_, mib));
}

Result<bool> CgroupTree::write_memory(const SimulatedHost& host) {
    for (const VirtualMachine& vm : host.population().vms()) {
        if (!vm.is_running()) {
            continue;
        }
        const std::string& leader = host.population().processes().at(vm.pid).cgroup;
        const std::string libvirt = leader.substr(0, leader.rfind('/'));
        const auto mib = memory_per_node(host.scenario().host, *vm.spec);
        for (const std::string& path : {libvirt, libvirt.substr(0, libvirt.rfind('/'))}) {
            if (auto placed = place_memory(path, mib); !placed) {
                return placed;
            }
        }
    }
    return true;
}

Result<bool> CgroupTree::write(const SimulatedHost& host) {
    add_up(host.population());
    if (auto synced = sync_folders(host); !synced) {
        return synced;
    }
    for (auto& [path, node] : nodes_) {
        if (!node.has_changed || !node.is_there) {
            continue;
        }
        node.has_changed = false;
        const auto texts = cpu_texts(node);
        for (std::size_t i = 0; i < texts.size(); ++i) {
            if (auto written = node.cpu_files[i].write(texts[i].second); !written) {
                return written;
            }
        }
    }
    return true;
}

} // namespace wattvisor::simulated
