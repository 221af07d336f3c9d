// SPDX-License-Identifier: Apache-2.0
// Memory and storage that a process uses, from /proc/PID/statm and io. Two short files, so they are
// read again only when the process has run since; what sleeps cannot read or write. One of these
// per watched process. Never blocks; what may not be read is absent, not 0.
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

class ResourceWatch {
public:
    // `cpu_time` is what the process has used until now. Reads when it differs from the time
    // before, or when `is_due` says that it is this process' turn anyway.
    [[nodiscard]] const std::shared_ptr<const ProcessResources>&
    look(const std::filesystem::path& proc_root, pid_t pid, std::chrono::nanoseconds cpu_time,
         bool is_due);

private:
    void read(const std::filesystem::path& proc_root, pid_t pid);

    std::shared_ptr<const ProcessResources> last_;
    std::chrono::nanoseconds cpu_time_{-1};
};

} // namespace wattvisor
