// SPDX-License-Identifier: Apache-2.0
// The CPU time of one process, all of its threads, ended ones and guest mode included. On the live
// /proc it is the kernel's own clock of the process (clock_getcpuclockid(3), nanoseconds, one
// system call), with a pidfd beside it that tells when the process ended, so that a reused pid is
// never taken for it. Where --proc names another root, /proc/PID/stat is the source, 10 ms coarse.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"
#include "common/usage/proc_text.hpp"

#include <chrono>
#include <ctime>
#include <filesystem>
#include <string>
#include <sys/types.h>

namespace wattvisor {

class ProcessClock {
public:
    // Severity gone where there is no such process. `stat` tells who the process is.
    [[nodiscard]] static Result<ProcessClock> open(const std::filesystem::path& proc_root,
                                                   pid_t pid);

    // CPU time since the process started; gone once it has ended, even if its pid is in use again.
    [[nodiscard]] Result<std::chrono::nanoseconds> read();

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] const PidStat& stat() const { return stat_; } // as it was when opened

private:
    ProcessClock(std::filesystem::path folder, pid_t pid) : folder_(std::move(folder)), pid_(pid) {}
    [[nodiscard]] bool has_ended() const;
    [[nodiscard]] Result<std::chrono::nanoseconds> read_file() const;

    std::filesystem::path folder_;
    pid_t pid_;
    PidStat stat_;
    FileDescriptor pidfd_; // not open: read from files
    clockid_t clock_ = 0;
};

// Whether this is the proc file system of the machine and namespace that we run in: only then do
// system calls speak of the same processes as its files.
[[nodiscard]] bool is_live_proc(const std::filesystem::path& proc_root);

[[nodiscard]] Result<PidStat> read_pid_stat(const std::filesystem::path& folder);

} // namespace wattvisor
