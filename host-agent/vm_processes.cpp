// SPDX-License-Identifier: Apache-2.0
#include "host-agent/vm_processes.hpp"

#include "common/base/clock_time.hpp"
#include "common/base/text_file.hpp"
#include "common/usage/busy_time.hpp"
#include "common/usage/process_clock.hpp"
#include "host-agent/vm_cgroup.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <sys/stat.h>
#include <utility>

namespace wattvisor::host {

namespace fs = std::filesystem;

namespace {

using std::chrono::nanoseconds;

// A host of 1,000 VMs and as many containers has some 10,000 mounts of 200 bytes.
constexpr std::size_t kLargestMountTable = std::size_t{16} << 20U;

// Whether a process of this start may have written, or be meant by, a file of this time. One that
// got the pid later has nothing to do with it. Steps of the clock are the reason for the slack.
bool started_before(std::uint64_t start_ticks, nanoseconds written) {
    constexpr nanoseconds kSlack = std::chrono::seconds(2);
    const nanoseconds boot = clock_time(CLOCK_REALTIME) - clock_time(CLOCK_BOOTTIME);
    return time_of_ticks(start_ticks) <= written - boot + kSlack;
}

} // namespace

// One find(): what it has found so far.
class VmProcessFinder::Search {
public:
    Search(const VmProcessFinder& finder, const std::unordered_set<pid_t>& taken)
        : finder_(finder), taken_(taken) {}

    [[nodiscard]] std::vector<VmProcess> run(const Vm& vm) {
        const auto qemu = stat_of(vm.pid);
        if (vm.pid <= 0 || taken_.contains(vm.pid) || !qemu || qemu->is_kernel_thread()) {
            return {};
        }
        add(vm.pid, *qemu, Component::emulator);
        add_group(vm.pid);
        for (const KernelThread& thread : finder_.kernel_threads_.of(vm.pid)) {
            // Of an earlier process with QEMU's pid, were it older.
            if (thread.start_ticks >= qemu->start_ticks) {
                add_kernel_thread(thread);
            }
        }
        for (const HelperPid& helper : finder_.pid_files_.of(vm.libvirt_id, vm.name)) {
            add_helper(helper);
        }
        for (std::size_t i = 0; i < found_.size(); ++i) { // which grows meanwhile
            add_children(i);
        }
        return std::move(found_);
    }

private:
    [[nodiscard]] fs::path folder_of(pid_t pid) const {
        return finder_.roots_.proc / std::to_string(pid);
    }

    // None also for a process that has ended.
    [[nodiscard]] std::optional<PidStat> stat_of(pid_t pid) const {
        auto stat = read_pid_stat(folder_of(pid));
        const bool is_there = stat && stat->state != 'Z' && stat->state != 'X';
        return is_there ? std::optional(std::move(*stat)) : std::nullopt;
    }

    [[nodiscard]] bool is_new(pid_t pid) const {
        return !taken_.contains(pid) && !pids_.contains(pid) && found_.size() < kMostProcesses;
    }

    void add(pid_t pid, const PidStat& stat, Component component) {
        pids_.insert(pid);
        found_.push_back({pid, stat.start_ticks, component});
    }

    void add_group(pid_t qemu) {
        const auto text = read_text(folder_of(qemu) / "cgroup");
        const auto group =
            text ? find_process_cgroup(finder_.mounts_, parse_cgroup_memberships(*text))
                 : std::nullopt;
        const auto pids = group ? list_cgroup_processes(group->folder) : std::vector<pid_t>();
        for (const pid_t pid : pids) {
            const auto stat = is_new(pid) ? stat_of(pid) : std::nullopt;
            if (stat && stat->is_kernel_thread()) {
                const auto owner = parse_kernel_thread_owner(stat->comm);
                add(pid, *stat, owner ? owner->second : Component::helper);
            } else if (stat) {
                add(pid, *stat, component_of_process(stat->comm));
            }
        }
    }

    void add_kernel_thread(const KernelThread& thread) {
        const auto stat = is_new(thread.pid) ? stat_of(thread.pid) : std::nullopt;
        if (stat && stat->is_kernel_thread() && stat->start_ticks == thread.start_ticks) {
            add(thread.pid, *stat, thread.component);
        }
    }

    // A pid file that outlived its helper must not charge the VM with whoever has the pid now.
    void add_helper(const HelperPid& helper) {
        const auto stat = is_new(helper.pid) ? stat_of(helper.pid) : std::nullopt;
        if (!stat || stat->is_kernel_thread() || !may_speak_for(helper) ||
            is_in_group_of_another_vm(helper.pid)) {
            return;
        }
        if (helper.is_locked || (component_of_process(stat->comm) == helper.component &&
                                 helper.component != Component::helper &&
                                 started_before(stat->start_ticks, helper.written))) {
            add(helper.pid, *stat, helper.component);
        }
    }

    // root's files speak for anybody. libvirt's folders for swtpm and passt belong to the users of
    // those, and of QEMU: what they write is believed of a session's user only, in his own folder
    // and of his own processes.
    [[nodiscard]] bool may_speak_for(const HelperPid& helper) const {
        struct stat info {};
        return helper.file_owner == 0 || (helper.file_owner == finder_.pid_files_.owner() &&
                                          ::stat(folder_of(helper.pid).c_str(), &info) == 0 &&
                                          info.st_uid == helper.file_owner);
    }

    // Files can be renamed by whoever owns their folder; a control group is only left by root.
    [[nodiscard]] bool is_in_group_of_another_vm(pid_t pid) const {
        const auto own = machine_groups_of(found_.front().pid);
        const auto groups = machine_groups_of(pid);
        return std::any_of(groups.begin(), groups.end(),
                           [&own](const std::string& group) { return !own.contains(group); });
    }

    [[nodiscard]] std::set<std::string> machine_groups_of(pid_t pid) const {
        std::set<std::string> groups;
        const auto text = read_text(folder_of(pid) / "cgroup");
        for (const CgroupMembership& membership : parse_cgroup_memberships(text ? *text : "")) {
            if (const auto group = machine_group(membership.path)) {
                groups.emplace(*group);
            }
        }
        return groups;
    }

    // Of the main thread: helpers fork before they have others, and libvirt forbids it to QEMU.
    void add_children(std::size_t index) {
        const VmProcess parent = found_[index];
        const std::string pid = std::to_string(parent.pid);
        const auto text = read_text(folder_of(parent.pid) / "task" / pid / "children");
        const auto pids = text ? parse_pids(*text) : std::vector<pid_t>();
        for (const pid_t child : pids) {
            if (const auto stat = is_new(child) ? stat_of(child) : std::nullopt) {
                add(child, *stat, index == 0 ? component_of_process(stat->comm) : parent.component);
            }
        }
    }

    const VmProcessFinder& finder_;
    const std::unordered_set<pid_t>& taken_;
    std::unordered_set<pid_t> pids_;
    std::vector<VmProcess> found_;
};

VmProcessFinder::VmProcessFinder(VmProcessRoots roots)
    : roots_(std::move(roots)), kernel_threads_(roots_.proc), pid_files_(roots_.run_dir) {}

void VmProcessFinder::refresh() {
    const auto text = read_text(roots_.mountinfo, kLargestMountTable);
    mounts_ = text ? parse_cgroup_mounts(*text) : std::vector<CgroupMount>();
    kernel_threads_.refresh();
    pid_files_.refresh();
}

std::vector<VmProcess> VmProcessFinder::find(const Vm& vm,
                                             const std::unordered_set<pid_t>& taken) const {
    return Search(*this, taken).run(vm);
}

NumaMemorySource VmProcessFinder::memory_of(pid_t qemu) const {
    NumaMemorySource source;
    source.process = roots_.proc / std::to_string(qemu);
    const auto text = read_text(source.process / "cgroup");
    const auto memberships =
        text ? parse_cgroup_memberships(*text) : std::vector<CgroupMembership>();
    if (auto group = find_memory_cgroup(mounts_, memberships)) {
        source.memory_group = std::move(group->folder);
        source.is_v2 = group->is_v2;
    }
    if (auto group = find_hugetlb_cgroup(mounts_, memberships)) {
        source.hugetlb_group = std::move(group->folder);
    }
    return source;
}

} // namespace wattvisor::host
