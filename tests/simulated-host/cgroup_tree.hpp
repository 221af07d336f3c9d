// SPDX-License-Identifier: Apache-2.0
// Writes the simulated host's control groups below /sys/fs/cgroup, as systemd and libvirt make
// them: a scope per VM, in it a group per vCPU, I/O thread and one for the emulator and helpers.
// Version 2: cpu.stat, cgroup.procs, cgroup.threads, memory.current, memory.numa_stat. Version 1:
// cpuacct.usage, cpuacct.usage_percpu, cpuacct.stat, tasks, and memory beside it. One thread.
//
// Not as in the kernel: a threaded group of version 2 has no cgroup.procs (reading it is
// EOPNOTSUPP there), and memory is shown of the VMs only.
#pragma once

#include "tests/simulated-host/padded_file.hpp"
#include "tests/simulated-host/simulated_host.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace wattvisor::simulated {

class CgroupTree {
public:
    // `root` is ROOT/sys/fs/cgroup. The host has version 1 or 2.
    [[nodiscard]] static Result<CgroupTree>
    create(const std::filesystem::path& root, const SimulatedHost& host, DescriptorBudget& budget);
    [[nodiscard]] Result<bool> write(const SimulatedHost& host);

private:
    struct Node {
        std::vector<std::uint64_t> per_cpu; // those below included
        CpuSplit used;
        bool is_there = false; // as a folder
        bool has_changed = false;
        std::string procs; // as shown
        std::string tasks;
        std::vector<PaddedFile> cpu_files;
    };
    struct Members {
        std::string procs;
        std::string tasks;
        pid_t last_pid = 0;
    };

    CgroupTree(std::filesystem::path root, CgroupVersion version, DescriptorBudget& budget)
        : root_(std::move(root)), version_(version), budget_(&budget) {}
    void add_up(const Population& population);
    [[nodiscard]] std::map<std::string, Members> find_members(const Population& population) const;
    [[nodiscard]] Result<bool> sync_folders(const SimulatedHost& host);
    [[nodiscard]] Result<bool> appear(const std::string& path, Node& node);
    [[nodiscard]] Result<bool> write_members(const std::string& path, Node& node,
                                             const Members& members);
    [[nodiscard]] Result<bool> write_memory(const SimulatedHost& host);
    [[nodiscard]] Result<bool> place_memory(const std::string& path,
                                            const std::vector<std::uint64_t>& mib);
    [[nodiscard]] std::vector<std::pair<std::string, std::string>>
    cpu_texts(const Node& node) const;
    [[nodiscard]] std::filesystem::path cpu_folder(const std::string& path) const;
    [[nodiscard]] std::filesystem::path memory_folder(const std::string& path) const;

    std::filesystem::path root_;
    CgroupVersion version_;
    DescriptorBudget* budget_;
    std::map<std::string, Node> nodes_; // by path; "" is the root
    std::vector<CpuSplit> seen_;        // per group of the population
    std::vector<std::vector<std::uint64_t>> seen_per_cpu_;
    std::optional<std::uint64_t> shown_generation_;
};

} // namespace wattvisor::simulated
