// SPDX-License-Identifier: Apache-2.0
#include "common/usage/clock_time_source.hpp"

#include "common/usage/process_clock.hpp"

#include <algorithm>
#include <utility>

namespace wattvisor {

namespace {

using std::chrono::nanoseconds;

// Descriptors that one process' threads may hold on a host of several sockets.
constexpr std::size_t kThreadDescriptors = 128;

} // namespace

ClockTimeSource::ClockTimeSource(std::filesystem::path proc_root, CpuTopologyPtr topology,
                                 std::optional<ExitAccounting> exits)
    : proc_root_(std::move(proc_root)), topology_(std::move(topology)),
      busy_(proc_root_, topology_,
            is_live_proc(proc_root_) ? BusyTime::Clock(monotonic_now) : BusyTime::Clock()),
      exits_(std::move(exits)) {}

void ClockTimeSource::begin() {
    ended_.clear();
    const nanoseconds now = monotonic_now(); // the clock of the ages in exit records
    tick_length_ = now - began_;
    began_ = now;
    if (!exits_) {
        return;
    }
    for (EndedProcess& process : exits_->drain()) {
        // What ended before the first tick is the past.
        if (!is_first_) {
            ended_.emplace(process.pid, std::move(process));
        }
    }
    is_first_ = false;
}

Result<ProcessReading> ClockTimeSource::read(WatchedProcess& process) {
    const auto time = process.clock.read();
    if (!time) {
        return time.error().severity == Severity::gone ? read_end(process)
                                                       : Result<ProcessReading>(time.error());
    }
    process.last = std::max(process.last, *time);
    return divide(process, false);
}

Result<ProcessReading> ClockTimeSource::read_end(WatchedProcess& process) {
    const auto record = ended_.find(process.clock.pid());
    if (record != ended_.end()) {
        // The record may be a little less than what its clock showed shortly before.
        process.last = std::max(process.last, record->second.cpu_time);
        ended_.erase(record);
        return divide(process, true);
    }
    // It ended after the records were read: they are there at the next tick, if they ever are.
    if (exits_ && !process.was_missed) {
        process.was_missed = true;
        return divide(process, false);
    }
    return divide(process, true);
}

ProcessReading ClockTimeSource::divide(WatchedProcess& process, bool ended) {
    if (topology_->sockets() == 1) {
        return {{process.last}, ended};
    }
    if (!process.threads) {
        auto opened = ThreadTimes::open(proc_root_, process.clock.pid(),
                                        process.clock.stat().start_ticks, kThreadDescriptors);
        if (!opened) {
            SocketTimes times(topology_->sockets(), nanoseconds(0));
            times[0] = process.last; // it ended before its threads were ever seen
            return {std::move(times), ended};
        }
        process.threads = std::move(*opened);
    }
    process.threads->update(process.last, *topology_);
    const auto parts = process.threads->by_socket();
    return {{parts.begin(), parts.end()}, ended, process.threads->moved()};
}

std::vector<ShortLife> ClockTimeSource::take_short_lives() {
    std::vector<ShortLife> lives;
    for (auto& [pid, process] : ended_) {
        // One that was there before the tick began was charged to `other` until now.
        if (process.kernel_thread || process.cpu_time.count() <= 0 || process.age > tick_length_) {
            continue;
        }
        // Where it ran is not in its record: by the whole machine's load, so to say evenly.
        SocketTimes times(topology_->sockets(),
                          process.cpu_time / static_cast<std::int64_t>(topology_->sockets()));
        lives.push_back({process.parent, std::move(process.comm), std::move(times), pid});
    }
    ended_.clear();
    return lives;
}

std::optional<SocketTimes> ClockTimeSource::busy_time() {
    auto busy = busy_.read();
    return busy ? std::optional(std::move(*busy)) : std::nullopt;
}

} // namespace wattvisor
