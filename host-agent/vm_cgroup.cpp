// SPDX-License-Identifier: Apache-2.0
#include "host-agent/vm_cgroup.hpp"

#include "common/base/text_file.hpp"

#include <algorithm>
#include <dirent.h>
#include <limits>
#include <memory>
#include <string>

namespace wattvisor::host {

namespace fs = std::filesystem;

namespace {

bool is_number(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// virSystemdMakeScopeName() in libvirt's virsystemd.c, virCgroupNewMachineManual() in vircgroup.c;
// Proxmox' qemu-server makes /qemu.slice/VMID.scope.
bool names_machine(std::string_view parent, std::string_view name) {
    constexpr std::string_view kScope = ".scope";
    constexpr std::string_view kSystemd = "machine-qemu\\x2d";
    constexpr std::string_view kManual = ".libvirt-qemu";
    if (name.ends_with(kManual)) {
        return name.size() > kManual.size();
    }
    if (!name.ends_with(kScope)) {
        return false;
    }
    name.remove_suffix(kScope.size());
    return (name.starts_with(kSystemd) && name.size() > kSystemd.size()) ||
           (parent == "qemu.slice" && is_number(name));
}

std::string_view last_part(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

std::string_view without_last_part(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

bool is_of_threads_only(std::string_view name) {
    for (const std::string_view prefix : {"vcpu", "iothread"}) {
        if (name.starts_with(prefix) && is_number(name.substr(prefix.size()))) {
            return true;
        }
    }
    return false;
}

std::optional<fs::path> folder_of(const std::vector<CgroupMount>& mounts,
                                  const CgroupMembership& membership, std::string_view controller) {
    const auto group = machine_group(membership.path);
    if (!group) {
        return std::nullopt;
    }
    for (const CgroupMount& mount : mounts) {
        if (membership.is_v2 ? mount.is_v2 : mount.has(controller)) {
            if (auto folder = cgroup_folder(mount, *group)) {
                return folder;
            }
        }
    }
    return std::nullopt;
}

void add_processes(const fs::path& folder, int levels, std::vector<pid_t>& pids) {
    // A group of threads in v2 says EOPNOTSUPP; its processes are listed by the group above.
    if (const auto text = read_text(folder / "cgroup.procs")) {
        const std::vector<pid_t> found = parse_pids(*text);
        pids.insert(pids.end(), found.begin(), found.end());
    }
    if (levels == 0 || pids.size() >= kMostPids) {
        return;
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), ::closedir);
    if (!listing) {
        return;
    }
    while (const dirent* entry = ::readdir(listing.get())) {
        const std::string_view name = entry->d_name;
        if (entry->d_type == DT_DIR && name != "." && name != ".." && !is_of_threads_only(name)) {
            add_processes(folder / name, levels - 1, pids);
        }
    }
}

} // namespace

std::optional<std::string_view> machine_group(std::string_view path) {
    while (!path.empty()) {
        if (names_machine(last_part(without_last_part(path)), last_part(path))) {
            return path;
        }
        path = without_last_part(path);
    }
    return std::nullopt;
}

std::optional<VmCgroup> find_vm_cgroup(const std::vector<CgroupMount>& mounts,
                                       const std::vector<CgroupMembership>& memberships,
                                       const std::vector<std::string_view>& controllers) {
    for (const std::string_view controller : controllers) {
        for (const CgroupMembership& membership : memberships) {
            if (membership.has(controller)) {
                if (auto folder = folder_of(mounts, membership, controller)) {
                    return VmCgroup{std::move(*folder), false};
                }
            }
        }
    }
    for (const CgroupMembership& membership : memberships) {
        if (membership.is_v2) {
            if (auto folder = folder_of(mounts, membership, {})) {
                return VmCgroup{std::move(*folder), true};
            }
        }
    }
    return std::nullopt;
}

std::optional<VmCgroup> find_process_cgroup(const std::vector<CgroupMount>& mounts,
                                            const std::vector<CgroupMembership>& memberships) {
    // libvirt puts helpers where it puts the emulator's threads: with these controllers, and in v2.
    if (auto group = find_vm_cgroup(mounts, memberships, {"cpuacct", "cpu", "cpuset"})) {
        return group;
    }
    return find_vm_cgroup(mounts, memberships, {"pids", "memory", "name=systemd"});
}

std::optional<VmCgroup> find_memory_cgroup(const std::vector<CgroupMount>& mounts,
                                           const std::vector<CgroupMembership>& memberships) {
    return find_vm_cgroup(mounts, memberships, {"memory"});
}

std::optional<VmCgroup> find_hugetlb_cgroup(const std::vector<CgroupMount>& mounts,
                                            const std::vector<CgroupMembership>& memberships) {
    return find_vm_cgroup(mounts, memberships, {"hugetlb"});
}

std::vector<pid_t> list_cgroup_processes(const fs::path& folder) {
    constexpr int kLevels = 3; // scope/libvirt/emulator, and one to come
    std::vector<pid_t> pids;
    add_processes(folder, kLevels, pids);
    std::sort(pids.begin(), pids.end());
    pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
    pids.resize(std::min(pids.size(), kMostPids));
    return pids;
}

std::vector<pid_t> parse_pids(std::string_view text) {
    constexpr std::string_view kBlanks = " \n";
    std::vector<pid_t> pids;
    while (!text.empty()) {
        const std::size_t length = std::min(text.find_first_of(kBlanks), text.size());
        const auto number = parse_number(text.substr(0, length));
        // 0 is a process of another pid namespace.
        if (number && *number > 0 && *number <= std::numeric_limits<pid_t>::max()) {
            pids.push_back(static_cast<pid_t>(*number));
        }
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    return pids;
}

} // namespace wattvisor::host
