// SPDX-License-Identifier: Apache-2.0
#include "common/usage/busy_time.hpp"

#include "common/base/clock_time.hpp"
#include "common/base/text_file.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wattvisor {

namespace {

using std::chrono::nanoseconds;

// Three fields, each cut, and what passes between looking at the clock and at the last CPU.
constexpr std::int64_t kSlackTicks = 5;

} // namespace

std::chrono::nanoseconds monotonic_now() {
    return clock_time(CLOCK_MONOTONIC);
}

std::chrono::nanoseconds clock_tick() {
    static const long per_second = ::sysconf(_SC_CLK_TCK);
    return std::chrono::nanoseconds(1'000'000'000L / (per_second > 0 ? per_second : 100));
}

std::chrono::nanoseconds time_of_ticks(std::uint64_t ticks) {
    constexpr auto kMax = std::chrono::nanoseconds::max();
    const auto most = static_cast<std::uint64_t>(kMax / clock_tick());
    return ticks > most ? kMax : clock_tick() * static_cast<std::int64_t>(ticks);
}

void BusyCount::update(const CpuTicks& ticks, std::uint32_t cpus, std::optional<nanoseconds> now) {
    if (!is_first_ && now && can_be_true(ticks, cpus, *now)) {
        const nanoseconds passed = (*now - base_read_) * cpus;
        // May be below 0 by what a field was cut by: the kernel moves time between idle and iowait.
        const auto away = static_cast<std::int64_t>(ticks.away - base_away_) * clock_tick();
        time_ = std::max(time_, base_time_ + passed - away);
    } else {
        if (!is_first_ && ticks.busy > last_.busy) {
            time_ += time_of_ticks(ticks.busy - last_.busy);
        }
        base_time_ = time_;
        base_away_ = ticks.away;
        base_read_ = now.value_or(nanoseconds(0));
    }
    is_first_ = false;
    last_.busy = std::max(last_.busy, ticks.busy);
    last_.away = ticks.away;
    last_read_ = now.value_or(nanoseconds(0));
    cpus_ = cpus;
}

bool BusyCount::can_be_true(const CpuTicks& ticks, std::uint32_t cpus, nanoseconds now) const {
    if (cpus != cpus_) {
        return false;
    }
    const auto away = static_cast<std::int64_t>(ticks.away - last_.away);
    const std::int64_t most = (now - last_read_) * cpus / clock_tick();
    return away >= -kSlackTicks && away <= most + kSlackTicks;
}

BusyTime::BusyTime(const std::filesystem::path& proc_root, CpuTopologyPtr topology, Clock clock)
    : path_(proc_root / "stat"), topology_(std::move(topology)), clock_(std::move(clock)) {}

Result<SocketTimes> BusyTime::read() {
    if (!fd_) {
        auto opened = open_for_reading(path_);
        if (!opened) {
            return opened.error();
        }
        fd_ = std::move(*opened);
    }
    // Before the file: its first line is the first that the kernel adds up.
    const auto now = clock_ ? std::optional(clock_()) : std::nullopt;
    const auto text = reread(fd_.get(), buffer_, path_.string());
    if (!text) {
        fd_.reset();
        return text.error();
    }
    const auto ticks = parse_all_cpus(*text);
    if (!ticks) {
        return Error{Severity::transient, "has no line of all CPUs", path_.string(), {}};
    }
    if (topology_->sockets() > 1) {
        return of_sockets(*text, now);
    }
    all_.update(*ticks, count_single_cpus(*text), now);
    return SocketTimes{all_.time()};
}

SocketTimes BusyTime::of_sockets(std::string_view stat, std::optional<nanoseconds> now) {
    const std::vector<CpuLine> lines = parse_single_cpus(stat);
    for (auto& [cpu, count] : per_cpu_) {
        // One that went offline goes on where it was when it comes back.
        if (!std::ranges::binary_search(lines, cpu, {}, &CpuLine::cpu)) {
            count.interrupt();
        }
    }
    for (const CpuLine& line : lines) {
        per_cpu_[line.cpu].update(line.ticks, 1, now);
    }
    SocketTimes times(topology_->sockets(), nanoseconds(0));
    for (const auto& [cpu, count] : per_cpu_) {
        const std::size_t socket =
            cpu < topology_->socket_of_cpu.size() ? topology_->socket_of_cpu[cpu] : times.size();
        if (socket < times.size()) {
            times[socket] += count.time();
        }
    }
    return times;
}

std::chrono::nanoseconds BusyTime::error() const {
    const unsigned lines = topology_->sockets() == 1
                               ? 1U
                               : *std::max_element(topology_->cpus.begin(), topology_->cpus.end());
    return kBusyTimeError * static_cast<std::int64_t>(lines);
}

} // namespace wattvisor
