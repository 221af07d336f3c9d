// SPDX-License-Identifier: Apache-2.0
#include "common/usage/process_clock.hpp"

#include "common/base/text_file.hpp"
#include "common/usage/busy_time.hpp"

#include <cerrno>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace wattvisor {

namespace {

Error ended(const std::filesystem::path& folder) {
    return Error{Severity::gone, "the process has ended", folder.string(), {}};
}

} // namespace

bool is_live_proc(const std::filesystem::path& proc_root) {
    return (proc_root / "").lexically_normal() == "/proc/";
}

Result<PidStat> read_pid_stat(const std::filesystem::path& folder) {
    const auto text = read_text(folder / "stat", 4096);
    if (!text) {
        return text.error();
    }
    auto stat = parse_pid_stat(*text);
    if (!stat) {
        return Error{
            Severity::transient, "is not a process' stat line", (folder / "stat").string(), {}};
    }
    return std::move(*stat);
}

Result<ProcessClock> ProcessClock::open(const std::filesystem::path& proc_root, pid_t pid) {
    ProcessClock clock(proc_root / std::to_string(pid), pid);
    if (is_live_proc(proc_root)) {
        // Before anything is read: from here on a reused pid shows as the end of this one.
        clock.pidfd_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        if (clock.pidfd_ && ::clock_getcpuclockid(pid, &clock.clock_) != 0) {
            clock.pidfd_.reset();
        }
    }
    auto stat = read_pid_stat(clock.folder_);
    if (!stat) {
        return stat.error();
    }
    clock.stat_ = std::move(*stat);
    return clock;
}

bool ProcessClock::has_ended() const {
    pollfd ended{pidfd_.get(), POLLIN, 0}; // readable once the process has ended, pidfd_open(2)
    return ::poll(&ended, 1, 0) > 0;
}

Result<std::chrono::nanoseconds> ProcessClock::read() {
    if (!pidfd_) {
        return read_file();
    }
    timespec time{};
    if (::clock_gettime(clock_, &time) != 0) {
        return ended(folder_);
    }
    // Asked after the clock was read: if it is alive now, the time read was its own.
    if (has_ended()) {
        return ended(folder_);
    }
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

Result<std::chrono::nanoseconds> ProcessClock::read_file() const {
    const auto now = read_pid_stat(folder_);
    if (!now) {
        return now.error();
    }
    if (now->start_ticks != stat_.start_ticks || now->state == 'Z' || now->state == 'X') {
        return ended(folder_);
    }
    return time_of_ticks(now->user_ticks + now->system_ticks);
}

} // namespace wattvisor
