// SPDX-License-Identifier: Apache-2.0
// What the agent itself costs: its memory from /proc/self/statm, its CPU time from its own clock.
// Call it from the tick, on the thread that owns it, and keep the result beside the snapshot: a
// scrape reads no file. It always reads the real /proc, since --proc may name another machine's.
#pragma once

#include "common/base/file_descriptor.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wattvisor {

struct SelfMemory { // in pages
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    std::uint64_t shared = 0;
};

struct SelfStats {
    std::optional<SelfMemory> memory;
    std::optional<double> cpu_percent; // of all CPUs, since the reading before; absent at the first
};

// The first three numbers of statm, see proc(5).
[[nodiscard]] std::optional<SelfMemory> parse_statm(std::string_view text);

class SelfStatsReader {
public:
    SelfStatsReader();
    // `now` is the monotonic clock.
    [[nodiscard]] SelfStats read(std::chrono::nanoseconds now);

private:
    [[nodiscard]] std::optional<SelfMemory> read_memory();
    [[nodiscard]] std::optional<double> read_cpu_percent(std::chrono::nanoseconds now);

    FileDescriptor statm_; // kept open between ticks
    std::string buffer_;
    std::optional<std::chrono::nanoseconds> last_time_;
    std::chrono::nanoseconds last_cpu_{0};
    long cpus_; // counted once: the C library opens a file for it
};

} // namespace wattvisor
