// SPDX-License-Identifier: Apache-2.0
// CPU times from each process' own clock: nanoseconds, all of its threads, ended ones included, one
// system call. On several sockets a process' time is divided by where its threads are found at each
// tick. What a process used in the tick in which it ended is told by the kernel's exit records,
// where these may be had; they lack up to a timer tick and the work of ending, which stay `other`.
#pragma once

#include "common/usage/busy_time.hpp"
#include "common/usage/cpu_time_source.hpp"
#include "common/usage/exit_accounting.hpp"

#include <filesystem>
#include <map>

namespace wattvisor {

class ClockTimeSource final : public CpuTimeSource {
public:
    // Exit records are of this machine's processes: not where `proc_root` is another's.
    ClockTimeSource(std::filesystem::path proc_root, CpuTopologyPtr topology,
                    std::optional<ExitAccounting> exits);

    [[nodiscard]] std::string_view name() const override { return "clock"; }
    [[nodiscard]] const CpuTopologyPtr& topology() const override { return topology_; }
    void begin() override;
    [[nodiscard]] Result<ProcessReading> read(WatchedProcess& process) override;
    [[nodiscard]] std::vector<YoungProcess> young_processes() override { return {}; }
    [[nodiscard]] std::vector<ShortLife> take_short_lives() override;
    [[nodiscard]] std::optional<SocketTimes> busy_time() override;
    [[nodiscard]] std::chrono::nanoseconds busy_error() const override { return busy_.error(); }
    [[nodiscard]] bool sees_ends() const override { return exits_.has_value(); }
    [[nodiscard]] std::uint64_t lost() const override { return exits_ ? exits_->lost() : 0; }

private:
    [[nodiscard]] Result<ProcessReading> read_end(WatchedProcess& process);
    [[nodiscard]] ProcessReading divide(WatchedProcess& process, bool ended);

    std::filesystem::path proc_root_;
    CpuTopologyPtr topology_;
    BusyTime busy_;
    std::optional<ExitAccounting> exits_;
    std::multimap<pid_t, EndedProcess> ended_; // of one pid the older first
    bool is_first_ = true;
    std::chrono::nanoseconds began_{0}; // this tick, on the monotonic clock
    std::chrono::nanoseconds tick_length_{0};
};

} // namespace wattvisor
