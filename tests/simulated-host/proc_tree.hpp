// SPDX-License-Identifier: Apache-2.0
// Writes the simulated host's /proc: `stat`, `uptime`, and a folder per process with its threads.
// A process' folder appears and vanishes whole, its numbers change in place, and only what changed
// is written. Single-threaded processes share files with their thread (hard links), so that ten
// thousand of them fit into memory. One thread; never reads.
#pragma once

#include "tests/simulated-host/padded_file.hpp"
#include "tests/simulated-host/simulated_host.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace wattvisor::simulated {

class ProcTree {
public:
    [[nodiscard]] static Result<ProcTree>
    create(const std::filesystem::path& root, const SimulatedHost& host, DescriptorBudget& budget);
    [[nodiscard]] Result<bool> write(const SimulatedHost& host);

private:
    struct TaskFiles {
        std::optional<PaddedFile> stat; // none: a link to that of the process
        std::optional<PaddedFile> schedstat;
        std::uint64_t shown_ns = 0;
        void moved_to(const std::filesystem::path& folder);
    };
    struct ProcessFiles {
        std::uint64_t start_ns = 0;
        std::string comm;
        std::optional<PaddedFile> stat;
        std::map<pid_t, TaskFiles> tasks;
        std::uint64_t shown_ns = 0;
    };

    ProcTree(std::filesystem::path root, DescriptorBudget& budget)
        : root_(std::move(root)), budget_(&budget) {}
    [[nodiscard]] Result<bool> write_machine(const SimulatedHost& host);
    [[nodiscard]] Result<bool> remove_ended(const SimulatedHost& host);
    [[nodiscard]] Result<bool> add(const Process& process);
    [[nodiscard]] Result<bool> place_identity(const std::filesystem::path& folder,
                                              const Process& process) const;
    [[nodiscard]] Result<bool> rename(ProcessFiles& files, const Process& process) const;
    [[nodiscard]] Result<bool> add_task(const std::filesystem::path& folder, ProcessFiles& files,
                                        const Process& process, const Task& task);
    [[nodiscard]] Result<bool> sync_tasks(ProcessFiles& files, const Process& process);
    [[nodiscard]] Result<bool> update(ProcessFiles& files, const Process& process);
    [[nodiscard]] Result<bool> write_children(const SimulatedHost& host);
    [[nodiscard]] std::filesystem::path folder_of(pid_t pid) const;

    std::filesystem::path root_;
    DescriptorBudget* budget_;
    std::optional<PaddedFile> stat_;
    std::optional<PaddedFile> uptime_;
    std::map<pid_t, ProcessFiles> processes_;
    std::uint64_t born_ = 0;
    std::uint64_t shown_generation_ = 0;
    CgroupVersion cgroup_version_ = CgroupVersion::none;
    const Population* population_ = nullptr; // during write()
};

} // namespace wattvisor::simulated
