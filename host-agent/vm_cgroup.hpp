// SPDX-License-Identifier: Apache-2.0
// The control group that is one VM's alone, and the processes in it. Only groups that libvirt or
// Proxmox make for one machine count: a group that others share, the root, a session's scope or
// libvirtd's service, would charge strangers to the VM. Asio thread; reads cgroup.procs, writes
// nothing.
#pragma once

#include "common/usage/cgroup_text.hpp"

#include <filesystem>
#include <optional>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace wattvisor::host {

// The part of a group's path that names the VM's own group; libvirt's children in it (libvirt,
// emulator, vcpu0, iothread1) are cut off. None where no part of it is a machine's group.
//   /machine.slice/machine-qemu\x2d1\x2dweb.scope/libvirt/emulator   systemd
//   /machine/qemu-1-web.libvirt-qemu/emulator                        without
//   /qemu.slice/100.scope                                            Proxmox
[[nodiscard]] std::optional<std::string_view> machine_group(std::string_view path);

struct VmCgroup {
    std::filesystem::path folder;
    bool is_v2 = false;
};

// `controllers` are v1's, best first: where one of them has the VM's group, that is it; else v2's.
[[nodiscard]] std::optional<VmCgroup>
find_vm_cgroup(const std::vector<CgroupMount>& mounts,
               const std::vector<CgroupMembership>& memberships,
               const std::vector<std::string_view>& controllers);

// The group of all that runs for the VM, and those that count its memory and its huge pages.
[[nodiscard]] std::optional<VmCgroup>
find_process_cgroup(const std::vector<CgroupMount>& mounts,
                    const std::vector<CgroupMembership>& memberships);
[[nodiscard]] std::optional<VmCgroup>
find_memory_cgroup(const std::vector<CgroupMount>& mounts,
                   const std::vector<CgroupMembership>& memberships);
[[nodiscard]] std::optional<VmCgroup>
find_hugetlb_cgroup(const std::vector<CgroupMount>& mounts,
                    const std::vector<CgroupMembership>& memberships);

// The processes in the group and in the groups below it, each once, at most kMostPids. Groups of
// vCPUs and I/O threads are left out: only threads of QEMU are in there.
inline constexpr std::size_t kMostPids = 1024;
[[nodiscard]] std::vector<pid_t> list_cgroup_processes(const std::filesystem::path& folder);

// Numbers by line or blank, as cgroup.procs and /proc/PID/task/TID/children have them.
[[nodiscard]] std::vector<pid_t> parse_pids(std::string_view text);

} // namespace wattvisor::host
