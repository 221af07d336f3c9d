// SPDX-License-Identifier: Apache-2.0
// Kernel threads that work for one QEMU process, whatever group they are in: vhost's workers before
// Linux 6.4, and since 6.17 again where the administrator chose so (`fork_from_owner_default`), so
// that no version number tells; and KVM's own. They are named after QEMU's process id. One look for
// all VMs. Asio thread. A process that only has such a name never counts: the kernel's flag
// decides.
#pragma once

#include "common/usage/component.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <sys/types.h>
#include <unordered_set>
#include <utility>
#include <vector>

namespace wattvisor::host {

struct KernelThread {
    pid_t pid = 0;
    std::uint64_t start_ticks = 0;
    Component component = Component::vhost;

    friend bool operator==(const KernelThread&, const KernelThread&) = default;
};

// Whom a kernel thread of this name works for: "vhost-1234", "kvm-pit/1234",
// "kvm-nx-lpage-recovery-1234".
[[nodiscard]] std::optional<std::pair<pid_t, Component>>
parse_kernel_thread_owner(std::string_view name);

class KernelThreads {
public:
    explicit KernelThreads(std::filesystem::path proc_root);

    // Looks at the threads that are new since the last look, and now and then at all.
    void refresh();

    [[nodiscard]] std::vector<KernelThread> of(pid_t qemu) const;

private:
    void look_at(pid_t pid);
    [[nodiscard]] std::vector<pid_t> list() const;

    std::filesystem::path proc_root_;
    std::unordered_set<pid_t> known_; // looked at before
    std::multimap<pid_t, KernelThread> by_owner_;
    std::uint64_t looks_ = 0;
};

} // namespace wattvisor::host
