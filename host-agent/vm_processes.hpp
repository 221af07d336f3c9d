// SPDX-License-Identifier: Apache-2.0
// Finds everything that runs for a VM: QEMU, the processes of the VM's control group, kernel
// threads that work for QEMU, libvirt's helpers by their pid files, and the children of them all.
// Asio thread; reads files only. Meant for when a VM appears and now and then after. Without
// control groups or libvirt it finds less, never a stranger: what is not proven to be the VM's is
// left to `other`.
#pragma once

#include "common/usage/cgroup_text.hpp"
#include "common/usage/component.hpp"
#include "common/usage/numa_memory.hpp"
#include "host-agent/helper_pid_files.hpp"
#include "host-agent/kernel_threads.hpp"
#include "host-agent/vm.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/types.h>
#include <unordered_set>
#include <vector>

namespace wattvisor::host {

// A network card of 16 queues has 16 vhost threads; a VM with more than this does no harm.
inline constexpr std::size_t kMostProcesses = 512;

struct VmProcess {
    pid_t pid = 0;
    std::uint64_t start_ticks = 0; // a clock that is opened on another start is not this process'
    Component component = Component::emulator; // QEMU's threads are told apart by ThreadTimes

    friend bool operator==(const VmProcess&, const VmProcess&) = default;
};

struct VmProcessRoots {
    std::filesystem::path proc = "/proc";
    std::filesystem::path mountinfo = "/proc/self/mountinfo"; // where cgroups are mounted for us
    std::filesystem::path run_dir = "/run/libvirt/qemu";      // of libvirt's QEMU driver
};

class VmProcessFinder {
public:
    explicit VmProcessFinder(VmProcessRoots roots);

    // Looks at what is the same for all VMs: mounts, kernel threads, the list of pid files. Once
    // before find() for any number of VMs.
    void refresh();

    // QEMU first; nothing if it is not there. `taken` are the processes of other VMs, their QEMUs
    // above all: neither they nor their children are found again. So that each pid has one VM, call
    // it for one VM after the other and add what it found.
    [[nodiscard]] std::vector<VmProcess> find(const Vm& vm,
                                              const std::unordered_set<pid_t>& taken) const;

    // Where the memory of this QEMU can be read per NUMA node.
    [[nodiscard]] NumaMemorySource memory_of(pid_t qemu) const;

private:
    class Search;

    VmProcessRoots roots_;
    std::vector<CgroupMount> mounts_;
    KernelThreads kernel_threads_;
    HelperPidFiles pid_files_;
};

} // namespace wattvisor::host
