// SPDX-License-Identifier: Apache-2.0
// Where CPU times come from: each process' own clock, or a BPF program that counts at every switch
// of a CPU. Both tell the same of a process; they differ in how exactly they know sockets, the last
// instants of a process, and processes that are born and end between two ticks. Called by the
// thread that ticks; never blocks.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/base/error.hpp"
#include "common/usage/cpu_topology.hpp"
#include "common/usage/watched_process.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace wattvisor {

struct ProcessReading {
    SocketTimes time;   // since the process was born, or since the source was opened
    bool ended = false; // this is all that there will ever be
    // Of what it used since the last reading, that of threads which went to another socket
    // meanwhile: half of it on each of the two. Empty where the sockets are exact.
    SocketTimes moved{};
};

// A process that ended since the tick before and that nobody watched: its whole life was short.
struct ShortLife {
    pid_t parent = 0;
    std::string comm; // chosen by the process: hostile
    SocketTimes time;
    pid_t pid = 0;
};

// One that runs, and was born since the tick before or the one before that.
struct YoungProcess {
    pid_t pid = 0;
    std::uint64_t start_ticks = 0; // field 22 of /proc/PID/stat
    std::uint64_t start_ns = 0;    // the same, finer
    pid_t parent = 0;              // when it first ran
};

class CpuTimeSource {
public:
    CpuTimeSource() = default;
    CpuTimeSource(const CpuTimeSource&) = delete;
    CpuTimeSource& operator=(const CpuTimeSource&) = delete;
    virtual ~CpuTimeSource() = default;

    // "clock" or "bpf".
    [[nodiscard]] virtual std::string_view name() const = 0;
    [[nodiscard]] virtual const CpuTopologyPtr& topology() const = 0;

    // Begins a tick: reads what is read once for all processes.
    virtual void begin() = 0;
    // A parent before its children. Empty where the source does not know; kernel threads are left
    // out.
    [[nodiscard]] virtual std::vector<YoungProcess> young_processes() = 0;
    // An error where the time is not known just now; a process that is gone without a trace is
    // Severity gone.
    [[nodiscard]] virtual Result<ProcessReading> read(WatchedProcess& process) = 0;
    // After all processes were read: the short lives among what ended. Kernel threads are left out.
    [[nodiscard]] virtual std::vector<ShortLife> take_short_lives() = 0;

    // How long the machine was busy, since the source was opened; read it last.
    [[nodiscard]] virtual std::optional<SocketTimes> busy_time() = 0;
    // The most that it can be short by, per socket.
    [[nodiscard]] virtual std::chrono::nanoseconds busy_error() const = 0;

    // Whether ended processes are told of at all, and how many could not be.
    [[nodiscard]] virtual bool sees_ends() const = 0;
    [[nodiscard]] virtual std::uint64_t lost() const = 0;
};

// What a sample says of the machine and of its source; after all processes were read. Busy time is
// read here and so last: whatever a process used was used by now, so it is not behind.
void take_common(CpuTimeSource& times, UsageSample& sample);

} // namespace wattvisor
