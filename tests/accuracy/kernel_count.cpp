// SPDX-License-Identifier: Apache-2.0
#include "tests/accuracy/kernel_count.hpp"

#include "common/base/text_file.hpp"
#include "common/usage/cgroup_text.hpp"
#include "host-agent/vm_cgroup.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace wattvisor::accuracy {

namespace {

namespace fs = std::filesystem;
using std::chrono::nanoseconds;

std::string text_of(const fs::path& file) {
    const auto text = read_text(file);
    if (!text) {
        throw std::runtime_error(text.error().message());
    }
    return *text;
}

// "usage_usec 1234" is the first line of cpu.stat.
SocketTimes parse_v2(const std::string& text) {
    std::istringstream words(text);
    std::string name;
    std::int64_t usec = 0;
    words >> name >> usec;
    return {std::chrono::microseconds(usec)};
}

// cpuacct.usage_percpu: one number for each possible CPU.
SocketTimes parse_v1(const std::string& text, const CpuTopology& topology) {
    SocketTimes times(topology.sockets(), nanoseconds(0));
    std::istringstream numbers(text);
    std::int64_t used = 0;
    for (std::size_t cpu = 0; numbers >> used; ++cpu) {
        const std::size_t socket =
            cpu < topology.socket_of_cpu.size() ? topology.socket_of_cpu[cpu] : 0;
        times[std::min(socket, times.size() - 1)] += nanoseconds(used);
    }
    return times;
}

} // namespace

std::optional<KernelCount> KernelCount::root(CpuTopologyPtr topology) {
    const auto mounts = parse_cgroup_mounts(text_of("/proc/self/mountinfo"));
    const auto v1 = std::find_if(mounts.begin(), mounts.end(), [](const CgroupMount& mount) {
        return mount.has("cpuacct") && mount.root == "/";
    });
    if (v1 != mounts.end()) {
        return KernelCount(v1->mount_point, false, std::move(topology));
    }
    const auto v2 = std::find_if(mounts.begin(), mounts.end(), [](const CgroupMount& mount) {
        return mount.is_v2 && mount.root == "/";
    });
    if (v2 != mounts.end() && topology->sockets() == 1) {
        return KernelCount(v2->mount_point, true, std::move(topology));
    }
    return std::nullopt;
}

std::optional<KernelCount> KernelCount::of_machine(CpuTopologyPtr topology) {
    return root(std::move(topology));
}

std::optional<KernelCount> KernelCount::of_new_group(CpuTopologyPtr topology,
                                                     const std::string& name) {
    auto count = root(std::move(topology));
    if (!count) {
        return std::nullopt;
    }
    count->folder_ /=
        "machine-qemu\\x2d1\\x2dwattvisor." + std::to_string(::getpid()) + "." + name + ".scope";
    if (::mkdir(count->folder_.c_str(), 0755) != 0) {
        return std::nullopt;
    }
    count->is_ours_ = true;
    return count;
}

KernelCount::KernelCount(KernelCount&& other) noexcept
    : folder_(std::move(other.folder_)), is_v2_(other.is_v2_),
      is_ours_(std::exchange(other.is_ours_, false)), topology_(std::move(other.topology_)) {}

KernelCount::~KernelCount() {
    if (is_ours_) {
        ::rmdir(folder_.c_str());
    }
}

bool KernelCount::enter() const {
    std::ofstream out(folder_ / "cgroup.procs");
    out << ::getpid() << std::flush;
    return out.good();
}

void KernelCount::kill_all() const {
    for (auto pids = host::list_cgroup_processes(folder_); is_ours_ && !pids.empty();
         pids = host::list_cgroup_processes(folder_)) {
        for (const pid_t pid : pids) {
            ::kill(pid, SIGKILL);
        }
        ::usleep(1000);
    }
}

SocketTimes KernelCount::read() const {
    return is_v2_ ? parse_v2(text_of(folder_ / "cpu.stat"))
                  : parse_v1(text_of(folder_ / "cpuacct.usage_percpu"), *topology_);
}

} // namespace wattvisor::accuracy
