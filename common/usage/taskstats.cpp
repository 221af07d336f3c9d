// SPDX-License-Identifier: Apache-2.0
#include "common/usage/taskstats.hpp"

#include <algorithm>
#include <limits>
#include <linux/taskstats.h>

namespace wattvisor {

namespace {

// Where the fields of struct taskstats are. Not taken from the header that we are built with, since
// that of Linux 6.14 has another layout. New versions add behind version 12; only version 15 put
// fields into the middle, which version 16 took back (Linux 6.16, "taskstats: fix struct taskstats
// breaks backward compatibility since version 15"). Versions before 12 do not tell the process.
constexpr std::uint16_t kFirstVersion = 12;
constexpr std::uint16_t kBrokenVersion = 15;
constexpr std::size_t kFlag = 8;          // ac_flag
constexpr std::size_t kCpuTime = 72;      // cpu_run_virtual_total
constexpr std::size_t kComm = 80;         // ac_comm
constexpr std::size_t kCommLength = 32;   // TS_COMM_LEN
constexpr std::size_t kParent = 132;      // ac_ppid
constexpr std::size_t kProcess = 368;     // ac_tgid
constexpr std::size_t kProcessAge = 376;  // ac_tgetime
constexpr std::size_t kProgram = 392;     // ac_exe_inode
constexpr std::size_t kEndOfRecord = 400; // of version 12
constexpr std::uint8_t kGroupDead = 0x20; // AGROUP of linux/acct.h
constexpr pid_t kKthreadd = 2;

template <typename Duration>
Duration duration_at(Bytes stats, std::size_t offset) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    const auto value = value_at<std::uint64_t>(stats, offset).value_or(0);
    return Duration(static_cast<std::int64_t>(std::min(value, kMost)));
}

std::optional<pid_t> pid_at(Bytes bytes, std::size_t offset = 0) {
    const auto pid = value_at<std::uint32_t>(bytes, offset);
    if (!pid || *pid > std::uint32_t{std::numeric_limits<pid_t>::max()}) {
        return std::nullopt;
    }
    return static_cast<pid_t>(*pid);
}

std::string comm_of(Bytes stats) {
    const Bytes field = stats.subspan(kComm, kCommLength);
    const auto end = std::find(field.begin(), field.end(), std::byte{0});
    return {reinterpret_cast<const char*>(field.data()),
            static_cast<std::size_t>(end - field.begin())};
}

struct Aggregate {
    pid_t id = 0;
    Bytes stats;
};

std::optional<Aggregate> aggregate(Bytes nested, std::uint16_t id_type, std::size_t least) {
    const auto id = find_attribute(nested, id_type);
    const auto stats = find_attribute(nested, TASKSTATS_TYPE_STATS);
    const auto pid = id ? pid_at(*id) : std::nullopt;
    if (!pid || *pid == 0 || !stats || stats->size() < least) {
        return std::nullopt;
    }
    return Aggregate{*pid, *stats};
}

std::optional<ThreadExit> thread_exit(const Aggregate& thread) {
    const auto version = value_at<std::uint16_t>(thread.stats).value_or(0);
    const auto process = pid_at(thread.stats, kProcess);
    const auto parent = pid_at(thread.stats, kParent);
    if (version < kFirstVersion || version == kBrokenVersion || !process || *process == 0 ||
        !parent) {
        return std::nullopt;
    }
    ThreadExit exit;
    exit.thread = thread.id;
    exit.process = *process;
    exit.parent = *parent;
    exit.comm = comm_of(thread.stats);
    // No file that it runs, and a child of kthreadd, which nobody else can become.
    exit.kernel_thread = *parent == kKthreadd && value_at<std::uint64_t>(thread.stats, kProgram) ==
                                                     std::optional<std::uint64_t>(0);
    exit.last = (value_at<std::uint8_t>(thread.stats, kFlag).value_or(0) & kGroupDead) != 0;
    exit.cpu_time = duration_at<std::chrono::nanoseconds>(thread.stats, kCpuTime);
    exit.process_age = duration_at<std::chrono::microseconds>(thread.stats, kProcessAge);
    return exit;
}

} // namespace

std::optional<ThreadExit> parse_thread_exit(Bytes datagram, std::uint16_t family) {
    const auto message = first_message(datagram);
    const auto generic = message ? generic_message(*message) : std::nullopt;
    if (!generic || message->type != family || generic->command != TASKSTATS_CMD_NEW) {
        return std::nullopt;
    }
    const auto nested = find_attribute(generic->attributes, TASKSTATS_TYPE_AGGR_PID);
    const auto thread =
        nested ? aggregate(*nested, TASKSTATS_TYPE_PID, kEndOfRecord) : std::nullopt;
    auto exit = thread ? thread_exit(*thread) : std::nullopt;
    const auto group = find_attribute(generic->attributes, TASKSTATS_TYPE_AGGR_TGID);
    if (exit && group) {
        // The kernel fills only the sums into this one; its version and names say nothing.
        const auto process = aggregate(*group, TASKSTATS_TYPE_TGID, kComm);
        if (!process || process->id != exit->process) {
            return std::nullopt;
        }
        exit->process_cpu_time = duration_at<std::chrono::nanoseconds>(process->stats, kCpuTime);
    }
    return exit;
}

} // namespace wattvisor
