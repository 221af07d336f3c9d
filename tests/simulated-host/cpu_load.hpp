// SPDX-License-Identifier: Apache-2.0
// How busy each CPU of this machine was, from the text of /proc/stat
// (Documentation/filesystems/proc.rst, section 1.8), and which socket of the simulated host a CPU
// belongs to. Pure functions; any thread. A line that is not understood is left out.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

namespace wattvisor::simulated {

// Per CPU in the order of the text: user + nice + system + irq + softirq since boot. Time in guests
// is inside user and nice already, so it is not added again; steal and iowait are not work.
[[nodiscard]] std::vector<std::chrono::nanoseconds> parse_busy_times(std::string_view text,
                                                                     long ticks_per_second);

// Splits CPUs evenly and in order. With more sockets than CPUs some sockets have none: they idle.
[[nodiscard]] unsigned socket_of(std::size_t cpu, std::size_t cpus, unsigned sockets);

// What each socket's CPUs worked between two readings. A CPU that went offline or came counts from
// its next reading on; a time that went back, as a stale steal correction can, counts as none.
[[nodiscard]] std::vector<std::chrono::nanoseconds>
busy_per_socket(const std::vector<std::chrono::nanoseconds>& before,
                const std::vector<std::chrono::nanoseconds>& now, unsigned sockets);

} // namespace wattvisor::simulated
