// SPDX-License-Identifier: Apache-2.0
#include "common/usage/busy_time.hpp"

#include "common/base/text_file.hpp"
#include "common/usage/proc_text.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace wattvisor {

std::chrono::nanoseconds clock_tick() {
    static const long per_second = ::sysconf(_SC_CLK_TCK);
    return std::chrono::nanoseconds(1'000'000'000L / (per_second > 0 ? per_second : 100));
}

std::chrono::nanoseconds time_of_ticks(std::uint64_t ticks) {
    constexpr auto kMax = std::chrono::nanoseconds::max();
    const auto most = static_cast<std::uint64_t>(kMax / clock_tick());
    return ticks > most ? kMax : clock_tick() * static_cast<std::int64_t>(ticks);
}

BusyTime::BusyTime(const std::filesystem::path& proc_root, CpuTopologyPtr topology)
    : path_(proc_root / "stat"), topology_(std::move(topology)),
      times_(topology_->sockets(), std::chrono::nanoseconds(0)) {}

Result<SocketTimes> BusyTime::read() {
    if (!fd_) {
        auto opened = open_for_reading(path_);
        if (!opened) {
            return opened.error();
        }
        fd_ = std::move(*opened);
    }
    const auto text = reread(fd_.get(), buffer_, path_.string());
    if (!text) {
        fd_.reset();
        return text.error();
    }
    const auto ticks = parse_busy_ticks(*text);
    if (!ticks) {
        return Error{Severity::transient, "has no line of all CPUs", path_.string(), {}};
    }
    add_up(*ticks, *text);
    return times_;
}

void BusyTime::add_up(std::uint64_t all_ticks, std::string_view stat) {
    if (times_.size() == 1) {
        first_ticks_ = std::min(first_ticks_.value_or(all_ticks), all_ticks);
        times_[0] = std::max(times_[0], time_of_ticks(all_ticks - *first_ticks_));
        return;
    }
    std::vector<std::uint64_t> per_cpu = parse_busy_ticks_per_cpu(stat);
    // The last CPUs may have gone offline: what was seen of them is kept, as of all others.
    per_cpu.resize(std::max(per_cpu.size(), last_per_cpu_.size()));
    for (std::size_t cpu = 0; cpu < last_per_cpu_.size(); ++cpu) {
        const std::size_t socket =
            cpu < topology_->socket_of_cpu.size() ? topology_->socket_of_cpu[cpu] : times_.size();
        // A CPU that went offline has no line, and one that comes back goes on where it was.
        if (socket < times_.size() && per_cpu[cpu] > last_per_cpu_[cpu]) {
            times_[socket] += time_of_ticks(per_cpu[cpu] - last_per_cpu_[cpu]);
        }
        per_cpu[cpu] = std::max(per_cpu[cpu], last_per_cpu_[cpu]);
    }
    last_per_cpu_ = std::move(per_cpu);
}

std::chrono::nanoseconds BusyTime::error() const {
    const unsigned lines = topology_->sockets() == 1
                               ? 1U
                               : *std::max_element(topology_->cpus.begin(), topology_->cpus.end());
    return kBusyTimeError * static_cast<std::int64_t>(lines);
}

} // namespace wattvisor
