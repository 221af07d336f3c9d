// SPDX-License-Identifier: Apache-2.0
// How long the machine was busy, per socket: the denominator of the active policy. Read from
// /proc/stat, whose aggregate line is cut to 10 ms in each of five fields, so one reading is at
// most 50 ms short. The error does not grow with time, and the meter carries it from tick to tick
// instead of charging it (docs/adr/0004-busy-time.md says why not /proc/schedstat). With several
// sockets the lines of the single CPUs are added up, each of which is cut so.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"
#include "common/usage/cpu_topology.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

// The most that one line can be short.
inline constexpr std::chrono::nanoseconds kBusyTimeError = std::chrono::milliseconds(50);

class BusyTime {
public:
    BusyTime(const std::filesystem::path& proc_root, CpuTopologyPtr topology);

    // CPU time of all CPUs per socket since the first reading, which is 0: all since boot would not
    // fit in 64 bits of nanoseconds after a year of 256 busy CPUs. Never goes back.
    [[nodiscard]] Result<SocketTimes> read();

    // The most that one reading can be short, per socket.
    [[nodiscard]] std::chrono::nanoseconds error() const;

private:
    void add_up(std::uint64_t all_ticks, std::string_view stat);

    std::filesystem::path path_;
    CpuTopologyPtr topology_;
    FileDescriptor fd_;
    std::string buffer_;
    std::optional<std::uint64_t> first_ticks_;
    SocketTimes times_;
    std::vector<std::uint64_t> last_per_cpu_;
};

// The length of a clock tick of /proc (sysconf _SC_CLK_TCK).
[[nodiscard]] std::chrono::nanoseconds clock_tick();

// So many clock ticks as a time; the longest time there is where they do not fit.
[[nodiscard]] std::chrono::nanoseconds time_of_ticks(std::uint64_t ticks);

} // namespace wattvisor
