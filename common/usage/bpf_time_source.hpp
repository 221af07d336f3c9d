// SPDX-License-Identifier: Apache-2.0
// CPU times from the BPF program: exact per socket, to the last instant of a process, and for
// processes that nobody ever saw alive. Counts since it was opened.
#pragma once

#include "common/usage/bpf_cpu_time.hpp"
#include "common/usage/busy_time.hpp"
#include "common/usage/cpu_time_source.hpp"
#include "common/usage/hidden_time.hpp"

#include <filesystem>
#include <memory>
#include <set>
#include <utility>

namespace wattvisor {

class BpfTimeSource final : public CpuTimeSource {
public:
    // `proc_root` is that of this machine.
    BpfTimeSource(std::unique_ptr<BpfCpuTime> program, const std::filesystem::path& proc_root,
                  CpuTopologyPtr topology);

    [[nodiscard]] std::string_view name() const override { return "bpf"; }
    [[nodiscard]] const CpuTopologyPtr& topology() const override { return topology_; }
    void begin() override;
    [[nodiscard]] Result<ProcessReading> read(WatchedProcess& process) override;
    [[nodiscard]] std::vector<YoungProcess> young_processes() override;
    [[nodiscard]] std::vector<ShortLife> take_short_lives() override;
    // Of the same reading as the processes, so never short of them, with what was hidden from the
    // program as far as idle time tells.
    [[nodiscard]] std::optional<SocketTimes> busy_time() override;
    [[nodiscard]] std::chrono::nanoseconds busy_error() const override;
    [[nodiscard]] bool sees_ends() const override { return true; }
    [[nodiscard]] std::uint64_t lost() const override { return program_->lost(); }

private:
    [[nodiscard]] bool is_young(const BpfProcessTime& process) const;
    [[nodiscard]] SocketTimes time_of(WatchedProcess& process, const BpfProcessTime& counted) const;
    void note_clock(WatchedProcess& process, std::chrono::nanoseconds counted) const;

    std::unique_ptr<BpfCpuTime> program_;
    CpuTopologyPtr topology_;
    BusyTime not_idle_; // of all sockets together
    HiddenTime hidden_;
    bool is_read_ = false;        // in this tick
    std::uint64_t opened_ns_ = 0; // since boot
    // When the last ticks began, since boot. What was born before the oldest of them is no short
    // life.
    std::uint64_t older_tick_ns_ = 0;
    std::uint64_t last_tick_ns_ = 0;
    std::uint64_t this_tick_ns_ = 0;
    using Ids = std::set<std::pair<pid_t, std::uint64_t>>;
    Ids claimed_;     // young processes and ended ones that are watched
    Ids told_;        // short lives of this tick
    Ids told_before_; // and of the one before, of which the program may hear the end only now
};

} // namespace wattvisor
