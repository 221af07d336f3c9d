// SPDX-License-Identifier: Apache-2.0
// The CPU time of one process split by kind of thread, and by the socket where it was spent. The
// process' own clock says how much there is to split, ended threads included; its threads' times,
// /proc/PID/task/TID/schedstat in nanoseconds, say in which proportion. Costs one or two system
// calls per thread: for hosts with several sockets and for metrics, not for the accounting itself.
// One thread; never follows a process beyond its end, and fails at nothing: without files all goes
// as it went before.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"
#include "common/usage/component.hpp"
#include "common/usage/cpu_topology.hpp"
#include "common/usage/parts_of_total.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <dirent.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <unordered_map>

namespace wattvisor {

// The first field of schedstat, nanoseconds on a CPU, guest mode included. No value for another
// text, and for "0 0 0": a kernel without these times writes that, and a thread that never ran.
// Source: Documentation/scheduler/sched-stats.rst, proc_pid_schedstat() in fs/proc/base.c.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_schedstat(std::string_view text);

// The CPU that the thread of this stat line ran on last: field 39 of proc(5).
[[nodiscard]] std::optional<unsigned> parse_last_cpu(std::string_view stat);

class ThreadTimes {
public:
    // Beyond it threads are not looked at; their time is shared like that of ended ones.
    static constexpr std::size_t kMostThreads = 10000;

    // Severity gone where there is no such process, or another one with its pid. Up to
    // `most_descriptors` threads have their file kept open; further ones cost two more calls each.
    // None is kept while half of the files that this process may open are: shares need theirs.
    // A process that is all one component (a helper) is given as `whole`: then only the split by
    // socket is made.
    [[nodiscard]] static Result<ThreadTimes> open(const std::filesystem::path& proc_root, pid_t pid,
                                                  std::uint64_t start_ticks,
                                                  std::size_t most_descriptors,
                                                  std::optional<Component> whole = std::nullopt);

    // `total` is what the process' clock shows now. A thread's time since the last update counts
    // for the socket where the thread is now; of one that was on another at the last update, half
    // counts for each. Once the process has ended, its last total is shared as all before it.
    void update(std::chrono::nanoseconds total, const CpuTopology& topology);

    // Since the process was born, by socket and by index_of(Component): both only grow, and each
    // adds up to the last total.
    [[nodiscard]] std::span<const std::chrono::nanoseconds> by_socket() const {
        return sockets_.parts();
    }
    [[nodiscard]] std::span<const std::chrono::nanoseconds> by_component() const {
        return components_.parts();
    }
    // Of the last update, what is of threads that had gone to another socket since the one before:
    // which part of it was used on which of the two is not known.
    [[nodiscard]] const SocketTimes& moved() const { return moved_; }

private:
    struct Thread {
        FileDescriptor times; // schedstat or stat; not open beyond most_descriptors
        FileDescriptor stat;  // for the CPU
        std::chrono::nanoseconds last{0};
        Component component = Component::emulator;
        std::optional<std::size_t> socket; // not known on a machine of one
        std::uint64_t looks = 0;
        std::uint64_t seen_in = 0;
    };

    ThreadTimes() = default;
    [[nodiscard]] int folder() const { return ::dirfd(listing_.get()); }
    [[nodiscard]] const char* times_file() const { return has_schedstat_ ? "schedstat" : "stat"; }
    void look_at_all(const CpuTopology& topology);
    void forget_ended();
    void look_at(pid_t tid, const CpuTopology& topology);
    [[nodiscard]] std::optional<std::string_view> read(FileDescriptor& kept, pid_t tid,
                                                       const char* file);
    void close(FileDescriptor& kept);
    [[nodiscard]] std::optional<std::chrono::nanoseconds> read_time(Thread& thread, pid_t tid);
    void see_on_sockets(std::optional<std::size_t> before, std::optional<std::size_t> now,
                        std::chrono::nanoseconds used);
    void find_socket(Thread& thread, pid_t tid, const CpuTopology& topology);
    void find_component(Thread& thread, pid_t tid);

    std::unique_ptr<DIR, int (*)(DIR*)> listing_{nullptr, ::closedir}; // of task/
    bool has_schedstat_ = false;
    std::optional<Component> whole_;
    std::size_t descriptors_left_ = 0;
    int highest_descriptor_ = 0; // to keep
    std::unordered_map<pid_t, Thread> threads_;
    std::uint64_t updates_ = 0;
    std::chrono::nanoseconds last_total_{0};
    std::string buffer_;
    PartsOfTotal sockets_{1};
    SocketTimes moved_;
    PartsOfTotal components_{kAllComponents.size()};
};

} // namespace wattvisor
