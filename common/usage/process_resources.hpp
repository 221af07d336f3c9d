// SPDX-License-Identifier: Apache-2.0
// Memory and storage that a process uses, from /proc/PID/statm and io. Opening two files of each
// process costs more than all of its measuring, so they are read again only when the process has
// run since (what sleeps cannot read or write), and not at every tick. One of these per watched
// process. Never blocks; what may not be read is absent, not 0.
#pragma once

#include "common/accounting/consumer.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <sys/types.h>

namespace wattvisor {

// Bytes that a process caused to be read from and written to storage, proc(5) /proc/PID/io.
struct ProcessIo {
    std::uint64_t read_bytes = 0;
    std::uint64_t written_bytes = 0;
};
[[nodiscard]] std::optional<ProcessIo> parse_process_io(std::string_view text);

// A look at each process in so many ticks, at least 1, lets nothing grow older than `longest_age`.
[[nodiscard]] unsigned ticks_between_looks(std::chrono::nanoseconds longest_age,
                                           std::chrono::nanoseconds interval);

class ResourceWatch {
public:
    // At each tick. `cpu_time` is what the process has used until now. Reads at the first tick,
    // then in one of `every` ticks (not the same for all processes) if the process has run since;
    // and when `is_due` says that it is this process' turn anyway.
    [[nodiscard]] const std::shared_ptr<const ProcessResources>&
    look(const std::filesystem::path& proc_root, pid_t pid, std::chrono::nanoseconds cpu_time,
         unsigned every, bool is_due);

private:
    void read(const std::filesystem::path& proc_root, pid_t pid);

    std::shared_ptr<const ProcessResources> last_;
    std::chrono::nanoseconds cpu_time_{-1};
    std::uint64_t ticks_ = 0;
};

} // namespace wattvisor
