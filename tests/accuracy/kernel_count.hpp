// SPDX-License-Identifier: Apache-2.0
// The CPU time of a control group as the kernel itself counts it: nanoseconds of everything that
// ever ran in it, ended processes too, to their last instruction. The truth of live runs. A group
// is made at the top of the hierarchy, named as libvirt names that of a VM, and removed at the end.
// Needs root. One thread.
#pragma once

#include "common/base/error.hpp"
#include "common/usage/cpu_topology.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>

namespace wattvisor::accuracy {

class KernelCount {
public:
    // Of the whole machine: the root group, which the kernel charges for all that runs in any. None
    // where groups are not mounted; with several sockets only version 1 knows where it ran.
    [[nodiscard]] static std::optional<KernelCount> of_machine(CpuTopologyPtr topology);
    // A new group below. None without the right to make one.
    [[nodiscard]] static std::optional<KernelCount> of_new_group(CpuTopologyPtr topology,
                                                                 const std::string& name);

    KernelCount(KernelCount&& other) noexcept;
    KernelCount& operator=(KernelCount&&) = delete;
    KernelCount(const KernelCount&) = delete;
    KernelCount& operator=(const KernelCount&) = delete;
    ~KernelCount();

    // To be called by the process that enters.
    [[nodiscard]] bool enter() const;
    // Ends what is left in it, and waits until it is empty.
    void kill_all() const;
    [[nodiscard]] SocketTimes read() const; // throws where there is nothing to be read

private:
    KernelCount(std::filesystem::path folder, bool is_v2, CpuTopologyPtr topology)
        : folder_(std::move(folder)), is_v2_(is_v2), topology_(std::move(topology)) {}
    [[nodiscard]] static std::optional<KernelCount> root(CpuTopologyPtr topology);

    std::filesystem::path folder_;
    bool is_v2_ = false;
    bool is_ours_ = false; // to be removed
    CpuTopologyPtr topology_;
};

} // namespace wattvisor::accuracy
