// SPDX-License-Identifier: Apache-2.0
// The files of a simulated host, all of them: what an agent reads when it is started with
// --sys ROOT/sys --proc ROOT/proc and the rest of the options that agent_options() tells. Kept up
// to date by write(), in place. One thread; never reads what it wrote.
//
//     ROOT/proc                       stat, uptime, PID/…
//     ROOT/sys/class/powercap         the counters
//     ROOT/sys/devices/system/cpu     which CPU is on which socket
//     ROOT/sys/devices/system/node    NUMA nodes and their memory
//     ROOT/sys/fs/cgroup              control groups, version 1 or 2
//     ROOT/run/libvirt/qemu           pid files of QEMU and its helpers
//     ROOT/libvirt/node.xml           the VMs for libvirt's test driver
#pragma once

#include "tests/simulated-host/cgroup_tree.hpp"
#include "tests/simulated-host/libvirt_files.hpp"
#include "tests/simulated-host/proc_tree.hpp"
#include "tests/simulated-host/zone_tree.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace wattvisor::simulated {

class HostTree {
public:
    // What an earlier run left in `root` is removed; a folder with a /proc in it that is not of a
    // simulated host is refused.
    [[nodiscard]] static Result<HostTree> create(const std::filesystem::path& root,
                                                 const SimulatedHost& host);

    // Energy first, then who used it: an agent that reads in between is at most one update apart.
    [[nodiscard]] Result<bool> write(const SimulatedHost& host);

    [[nodiscard]] std::filesystem::path proc() const { return root_ / "proc"; }
    [[nodiscard]] std::filesystem::path sys() const { return root_ / "sys"; }
    [[nodiscard]] std::filesystem::path powercap() const { return root_ / "sys/class/powercap"; }
    [[nodiscard]] std::filesystem::path libvirt_run_dir() const {
        return root_ / "run/libvirt/qemu";
    }
    // For libvirt's test driver, which knows the VMs as they were when it was opened.
    [[nodiscard]] std::string libvirt_uri() const;
    // What wattvisor-host has to be given to see this host.
    [[nodiscard]] std::vector<std::string> agent_options() const;

private:
    HostTree(std::filesystem::path root, std::unique_ptr<DescriptorBudget> budget, ZoneTree zones,
             ProcTree processes, std::optional<CgroupTree> cgroups, LibvirtFiles libvirt);

    std::filesystem::path root_;
    std::unique_ptr<DescriptorBudget> budget_; // its address is kept by the files
    ZoneTree zones_;
    ProcTree processes_;
    std::optional<CgroupTree> cgroups_;
    LibvirtFiles libvirt_;
};

} // namespace wattvisor::simulated
