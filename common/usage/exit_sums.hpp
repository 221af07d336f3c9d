// SPDX-License-Identifier: Apache-2.0
// Makes one ended process of the records of its ended threads. Pure: records in, processes out. The
// kernel's own sum of a process lacks threads that are still on their way out while the last one
// passes them (they all end at once when a process is killed), and it alone knows threads that
// ended before anybody listened. So both sums are kept, and the larger one is the process': neither
// is ever more than the truth. Never grows beyond a fixed number of processes.
#pragma once

#include "common/usage/taskstats.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <unordered_map>
#include <vector>

namespace wattvisor {

struct EndedProcess {
    pid_t pid = 0;
    pid_t parent = 0; // when it ended: 1 or a subreaper where its parent ended before it
    std::string comm; // hostile; the main thread's, where its record was seen
    bool kernel_thread = false;
    std::chrono::nanoseconds cpu_time{0}; // of its whole life, all threads; see ExitAccounting
    std::chrono::microseconds age{0};     // from its start to its end, monotonic clock

    friend bool operator==(const EndedProcess&, const EndedProcess&) = default;
};

class ExitSums {
public:
    void add(const ThreadExit& exit);
    // The processes that ended since the last call, in the order of their ends.
    [[nodiscard]] std::vector<EndedProcess> take();
    // After records were lost: what was summed up may belong to processes that are gone.
    void forget();
    // Threads whose process had been taken before their record came: their time is in no process,
    // unless the kernel's sum had it.
    [[nodiscard]] std::uint64_t late() const { return late_; }

private:
    struct Threads { // of one process, those that ended
        std::chrono::nanoseconds cpu_time{0};
        std::chrono::microseconds age{0}; // of the process, at the last of them
        std::string comm;
        std::size_t place = 0; // in ended_, once the process has ended
    };
    using Processes = std::unordered_map<pid_t, Threads>;

    void add_last(const ThreadExit& exit);
    [[nodiscard]] bool add_late(const ThreadExit& exit);

    Processes alive_;        // processes that go on, or whose last thread's record is yet to come
    Processes ended_now_;    // those with several threads that are in ended_
    Processes ended_before_; // those that the last take() gave
    std::vector<EndedProcess> ended_;
    std::uint64_t late_ = 0;
};

} // namespace wattvisor
