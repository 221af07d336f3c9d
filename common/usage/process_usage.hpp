// SPDX-License-Identifier: Apache-2.0
// The processes of this machine as consumers. One look at the list of /proc per tick, one clock per
// process; files of a process are read when it appears and now and then after, since a shell that
// turns into another program keeps its pid. Kernel threads are no consumers: they are `other`. One
// process that may not be read costs that process only.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/usage/busy_time.hpp"
#include "common/usage/process_clock.hpp"

#include <filesystem>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace wattvisor {

class ProcessUsage final : public ConsumerSource {
public:
    ProcessUsage(std::filesystem::path proc_root, CpuTopologyPtr topology);

    [[nodiscard]] UsageSample collect() override;

private:
    struct Watched {
        ProcessClock clock;
        ConsumerPtr consumer; // none for a kernel thread
        std::chrono::nanoseconds baseline{0};
        std::chrono::nanoseconds last{0}; // what its clock showed when it was last readable
        std::uint64_t looks = 0;
        std::uint64_t seen_in = 0; // the collection in which it was last listed
    };

    [[nodiscard]] bool look_at_all(UsageSample& sample);
    void look_at(pid_t pid, UsageSample& sample);
    [[nodiscard]] bool watch(pid_t pid);
    void refresh_identity(Watched& watched) const;

    std::filesystem::path proc_root_;
    CpuTopologyPtr topology_;
    BusyTime busy_time_;
    std::unordered_map<pid_t, Watched> watched_;
    std::unordered_set<pid_t> unopened_; // listed, but not to be opened, in this collection
    std::unordered_set<pid_t> unopened_before_;
    std::uint64_t collections_ = 0;
};

// Who the process in `folder` is, from its stat, comm and cmdline.
[[nodiscard]] ConsumerPtr describe_process(const std::filesystem::path& folder, pid_t pid,
                                           const PidStat& stat);

} // namespace wattvisor
