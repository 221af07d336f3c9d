// SPDX-License-Identifier: Apache-2.0
// A process that is watched from tick to tick: its clock, and on a host of several sockets its
// threads. Whoever watches it owns this; a CpuTimeSource reads it.
#pragma once

#include "common/usage/clocked_time.hpp"
#include "common/usage/process_clock.hpp"
#include "common/usage/thread_times.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

namespace wattvisor {

struct WatchedProcess {
    ProcessClock clock;
    std::optional<ThreadTimes> threads; // opened when first asked for
    std::chrono::nanoseconds last{0};   // the most that was seen of it
    bool was_missed = false; // it was gone at the last look, and nothing was heard of its end yet
    bool was_seen = false;   // by the BPF program
    // What its clock showed when that program began to count; none where it could not be read.
    std::optional<std::chrono::nanoseconds> before_count;
    std::unique_ptr<ClockedTime> clocked; // where the program has missed some of its time

    explicit WatchedProcess(ProcessClock opened) : clock(std::move(opened)) {}
};

} // namespace wattvisor
