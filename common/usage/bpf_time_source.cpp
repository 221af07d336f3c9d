// SPDX-License-Identifier: Apache-2.0
#include "common/usage/bpf_time_source.hpp"

#include "common/base/clock_time.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

namespace wattvisor {

namespace {

using std::chrono::nanoseconds;

// The clock of a process' start time.
std::uint64_t boottime_now() {
    return static_cast<std::uint64_t>(clock_time(CLOCK_BOOTTIME).count());
}

// Three fields that are cut to 10 ms.
constexpr nanoseconds kNotIdleError = std::chrono::milliseconds(30);

// Collected by its parent. The program is told that later, after a grace period of RCU: some ten
// milliseconds, in which a tick may be.
bool is_gone(pid_t pid) {
    return ::kill(pid, 0) != 0 && errno == ESRCH;
}

} // namespace

BpfTimeSource::BpfTimeSource(std::unique_ptr<BpfCpuTime> program,
                             const std::filesystem::path& proc_root, CpuTopologyPtr topology)
    : program_(std::move(program)), topology_(std::move(topology)),
      not_idle_(proc_root,
                std::make_shared<const CpuTopology>(single_socket(topology_->total_cpus())),
                monotonic_now),
      hidden_(topology_->sockets()), opened_ns_(boottime_now()), older_tick_ns_(opened_ns_),
      last_tick_ns_(older_tick_ns_), this_tick_ns_(older_tick_ns_) {
    static_cast<void>(not_idle_.read()); // both count from here
}

void BpfTimeSource::begin() {
    claimed_.clear();
    told_before_ = std::exchange(told_, {});
    older_tick_ns_ = last_tick_ns_;
    last_tick_ns_ = this_tick_ns_;
    this_tick_ns_ = boottime_now();
    is_read_ = program_->read().has_value();
}

Result<ProcessReading> BpfTimeSource::read(WatchedProcess& process) {
    const pid_t pid = process.clock.pid();
    if (!is_read_) {
        return Error{Severity::transient,
                     "the BPF program's times could not be read",
                     std::to_string(pid),
                     {}};
    }
    const std::uint64_t start_ticks = process.clock.stat().start_ticks;
    const BpfProcessTime* time = program_->find(pid, start_ticks);
    if (time == nullptr && process.was_seen) {
        return Error{Severity::gone, "the process has ended", std::to_string(pid), {}};
    }
    if (!process.before_count && !process.was_seen) {
        note_clock(process, time == nullptr ? nanoseconds(0) : total_of(time->cpu_time));
    }
    if (time == nullptr) { // it has not run since the program was loaded
        return ProcessReading{SocketTimes(topology_->sockets(), nanoseconds(0)), false};
    }
    process.was_seen = true;
    if (time->ended || time->start_ns >= older_tick_ns_) {
        claimed_.emplace(pid, start_ticks);
    }
    return ProcessReading{time_of(process, *time), time->ended};
}

// Once per process: where its clock stood when the program began to count it.
void BpfTimeSource::note_clock(WatchedProcess& process, nanoseconds counted) const {
    const auto tick_ns = static_cast<std::uint64_t>(clock_tick().count());
    if (process.clock.stat().start_ticks > opened_ns_ / tick_ns) {
        process.before_count = nanoseconds(0); // born since
    } else if (const auto clock = process.clock.read()) {
        process.before_count = std::max(*clock - counted, nanoseconds(0));
    }
}

SocketTimes BpfTimeSource::time_of(WatchedProcess& process, const BpfProcessTime& counted) const {
    const bool is_short = std::any_of(counted.slices.missed.begin(), counted.slices.missed.end(),
                                      [](std::uint32_t missed) { return missed > 0; });
    if (!process.clocked && is_short && process.before_count) {
        process.clocked = std::make_unique<ClockedTime>(counted.cpu_time, *process.before_count);
    }
    if (!process.clocked) {
        return counted.cpu_time;
    }
    const bool asks = !counted.ended && process.clocked->needs_clock(counted.slices);
    const auto clock = asks ? process.clock.read() : Result<nanoseconds>(Error{});
    return process.clocked->update(counted.slices, clock ? std::optional(*clock) : std::nullopt);
}

bool BpfTimeSource::is_young(const BpfProcessTime& process) const {
    return process.start_ns >= older_tick_ns_ && !process.is_kernel_thread;
}

std::vector<YoungProcess> BpfTimeSource::young_processes() {
    std::vector<YoungProcess> young;
    if (is_read_) {
        program_->for_each([this, &young](const BpfProcessTime& process) {
            if (is_young(process) && !process.ended) {
                young.push_back(
                    {process.pid, process.start_ticks, process.start_ns, process.parent});
            }
        });
    }
    std::ranges::sort(young, {}, &YoungProcess::start_ns);
    return young;
}

std::vector<ShortLife> BpfTimeSource::take_short_lives() {
    std::vector<ShortLife> lives;
    if (!is_read_) {
        return lives;
    }
    program_->for_each([this, &lives](const BpfProcessTime& process) {
        const std::pair id(process.pid, process.start_ticks);
        // One that was alive at the tick before is charged as a whole: most of its time is of now.
        if (is_young(process) && !claimed_.contains(id) && !told_before_.contains(id) &&
            (process.ended || is_gone(process.pid))) {
            lives.push_back({process.parent, process.comm, process.cpu_time, process.pid});
            told_.insert(id);
        }
    });
    return lives;
}

std::optional<SocketTimes> BpfTimeSource::busy_time() {
    if (!is_read_) {
        return std::nullopt;
    }
    // Where it cannot be read the last is as true as it was.
    const auto not_idle = not_idle_.read();
    hidden_.update(program_->busy(), not_idle ? total_of(*not_idle) : nanoseconds(0),
                   kNotIdleError);
    return hidden_.all();
}

std::chrono::nanoseconds BpfTimeSource::busy_error() const {
    // Slots are read one after the other; what ran meanwhile shows up at the next reading.
    return std::chrono::milliseconds(1);
}

} // namespace wattvisor
