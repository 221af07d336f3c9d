// SPDX-License-Identifier: Apache-2.0
// How long the machine was busy, per socket: the denominator of the active policy. Read from
// /proc/stat: what was not idle, because there the kernel counts idle time by the clock, and busy
// time by looking at each timer tick who runs, which a load in step with the timer deceives
// (docs/adr/0004-busy-time.md). Its fields are cut to 10 ms; that error does not grow with time,
// and the meter carries it from tick to tick instead of charging it. With several sockets the lines
// of the single CPUs are added up, each of which is cut so.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"
#include "common/usage/cpu_topology.hpp"
#include "common/usage/proc_text.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace wattvisor {

// The most that one line can be short: five fields of busy time, or three of the rest.
inline constexpr std::chrono::nanoseconds kBusyTimeError = std::chrono::milliseconds(50);

// The busy time of the CPUs of one line, from reading to reading. Never goes back.
class BusyCount {
public:
    // `now` is the monotonic clock when the line was read, and nothing where the line is not of
    // this machine: its busy ticks count then. They do as well when CPUs came or went since the
    // last reading, or when idle time cannot be true.
    void update(const CpuTicks& ticks, std::uint32_t cpus,
                std::optional<std::chrono::nanoseconds> now);

    // The next reading is the first after a time when the line was not there.
    void interrupt() { cpus_ = 0; }

    // Since the first reading.
    [[nodiscard]] std::chrono::nanoseconds time() const { return time_; }

private:
    [[nodiscard]] bool can_be_true(const CpuTicks& ticks, std::uint32_t cpus,
                                   std::chrono::nanoseconds now) const;

    bool is_first_ = true;
    CpuTicks last_;
    std::uint32_t cpus_ = 0;
    std::chrono::nanoseconds last_read_{0};
    std::chrono::nanoseconds time_{0};
    // Where counting by the clock began, so that what the fields are cut by is never added up.
    std::chrono::nanoseconds base_read_{0};
    std::uint64_t base_away_ = 0;
    std::chrono::nanoseconds base_time_{0};
};

class BusyTime {
public:
    using Clock = std::function<std::chrono::nanoseconds()>;

    // `clock` is the monotonic clock of the machine whose /proc it is; without one, as for a tree
    // of files, the busy ticks count.
    BusyTime(const std::filesystem::path& proc_root, CpuTopologyPtr topology, Clock clock = {});

    // CPU time of all CPUs per socket since the first reading, which is 0: all since boot would not
    // fit in 64 bits of nanoseconds after a year of 256 busy CPUs. Never goes back.
    [[nodiscard]] Result<SocketTimes> read();

    // The most that one reading can be short, per socket.
    [[nodiscard]] std::chrono::nanoseconds error() const;

private:
    [[nodiscard]] SocketTimes of_sockets(std::string_view stat,
                                         std::optional<std::chrono::nanoseconds> now);

    std::filesystem::path path_;
    CpuTopologyPtr topology_;
    Clock clock_;
    FileDescriptor fd_;
    std::string buffer_;
    BusyCount all_;
    std::unordered_map<std::uint32_t, BusyCount> per_cpu_; // on several sockets
};

// The clock that the kernel counts idle time by (ktime_get in kernel/time/tick-sched.c).
[[nodiscard]] std::chrono::nanoseconds monotonic_now();

// The length of a clock tick of /proc (sysconf _SC_CLK_TCK).
[[nodiscard]] std::chrono::nanoseconds clock_tick();

// So many clock ticks as a time; the longest time there is where they do not fit.
[[nodiscard]] std::chrono::nanoseconds time_of_ticks(std::uint64_t ticks);

} // namespace wattvisor
