// SPDX-License-Identifier: Apache-2.0
// The record that the kernel sends when a thread ends (taskstats), parsed. A pure function of
// bytes: a record that is cut off, nested wrongly or of an unknown layout gives no value.
// Sources: Documentation/accounting/taskstats.rst, include/uapi/linux/taskstats.h,
// kernel/taskstats.c.
#pragma once

#include "common/usage/netlink_message.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

namespace wattvisor {

struct ThreadExit {
    pid_t thread = 0;
    pid_t process = 0; // thread group
    pid_t parent = 0;  // of the process
    std::string comm;  // of the thread; hostile
    bool kernel_thread = false;
    bool last = false;                        // no thread of the process is left
    std::chrono::nanoseconds cpu_time{0};     // of this thread alone
    std::chrono::microseconds process_age{0}; // since the process began; time of suspend excluded
    // What the kernel had summed up for the process, threads that ended long ago included. Only
    // with the last thread of a process that had several.
    std::optional<std::chrono::nanoseconds> process_cpu_time;
};

// `family` is the number that the kernel gave to TASKSTATS.
[[nodiscard]] std::optional<ThreadExit> parse_thread_exit(Bytes datagram, std::uint16_t family);

} // namespace wattvisor
