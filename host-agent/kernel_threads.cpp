// SPDX-License-Identifier: Apache-2.0
#include "host-agent/kernel_threads.hpp"

#include "common/base/text_file.hpp"
#include "common/usage/process_clock.hpp"
#include "host-agent/vm_cgroup.hpp"

#include <dirent.h>
#include <limits>
#include <memory>
#include <string>

namespace wattvisor::host {

namespace fs = std::filesystem;

namespace {

// A pid may be another thread's between two looks; then it is seen in the next full one.
constexpr std::uint64_t kLooksPerFullLook = 60;

std::vector<pid_t> list_all(const fs::path& proc_root) {
    std::vector<pid_t> pids;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(proc_root.c_str()), ::closedir);
    while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
        const std::vector<pid_t> pid = parse_pids(entry->d_name);
        pids.insert(pids.end(), pid.begin(), pid.end());
    }
    return pids;
}

} // namespace

std::optional<std::pair<pid_t, Component>> parse_kernel_thread_owner(std::string_view name) {
    // drivers/vhost/vhost.c, arch/x86/kvm/i8254.c, arch/x86/kvm/mmu/mmu.c
    constexpr std::pair<std::string_view, Component> kKinds[] = {
        {"vhost-", Component::vhost},
        {"kvm-pit/", Component::helper},
        {"kvm-nx-lpage-recovery-", Component::helper},
    };
    for (const auto& [prefix, component] : kKinds) {
        if (!name.starts_with(prefix)) {
            continue;
        }
        const auto pid = parse_number(name.substr(prefix.size()));
        if (pid && *pid > 0 && *pid <= std::numeric_limits<pid_t>::max()) {
            return std::pair(static_cast<pid_t>(*pid), component);
        }
    }
    return std::nullopt;
}

KernelThreads::KernelThreads(fs::path proc_root) : proc_root_(std::move(proc_root)) {}

// All of them are children of kthreadd, which is process 2. Kernels without CONFIG_PROC_CHILDREN
// have no such file.
std::vector<pid_t> KernelThreads::list() const {
    const auto children = read_text(proc_root_ / "2/task/2/children");
    const auto threads = children ? parse_pids(*children) : std::vector<pid_t>();
    return threads.empty() ? list_all(proc_root_) : threads;
}

void KernelThreads::look_at(pid_t pid) {
    const auto stat = read_pid_stat(proc_root_ / std::to_string(pid));
    if (!stat || !stat->is_kernel_thread()) {
        return;
    }
    if (const auto owner = parse_kernel_thread_owner(stat->comm)) {
        by_owner_.insert({owner->first, {pid, stat->start_ticks, owner->second}});
    }
}

void KernelThreads::refresh() {
    const std::vector<pid_t> listed = list();
    const std::unordered_set<pid_t> now(listed.begin(), listed.end());
    if (looks_++ % kLooksPerFullLook == 0) {
        known_.clear();
        by_owner_.clear();
    }
    std::erase_if(by_owner_, [&now](const auto& entry) { return !now.contains(entry.second.pid); });
    for (const pid_t pid : listed) {
        if (!known_.contains(pid)) {
            look_at(pid);
        }
    }
    known_ = now;
}

std::vector<KernelThread> KernelThreads::of(pid_t qemu) const {
    std::vector<KernelThread> threads;
    const auto [first, last] = by_owner_.equal_range(qemu);
    for (auto it = first; it != last; ++it) {
        threads.push_back(it->second);
    }
    return threads;
}

} // namespace wattvisor::host
