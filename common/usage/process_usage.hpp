// SPDX-License-Identifier: Apache-2.0
// The processes of this machine as consumers. One look at the list of /proc per tick, one reading
// per process; files of a process are read when it appears and now and then after, since a shell
// that turns into another program keeps its pid. What was born and ended between two looks is
// charged by name. Kernel threads are no consumers: they are `other`. One process that may not be
// read costs that process only.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/usage/cpu_time_source.hpp"
#include "common/usage/short_lives.hpp"

#include <filesystem>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace wattvisor {

class ProcessUsage final : public ConsumerSource {
public:
    // `times` outlives this.
    ProcessUsage(std::filesystem::path proc_root, CpuTimeSource& times);

    [[nodiscard]] UsageSample collect() override;

private:
    struct Watched {
        WatchedProcess process;
        ConsumerPtr consumer; // none for a kernel thread
        SocketTimes baseline;
        SocketTimes last; // what was seen of it when it could last be read
        std::uint64_t looks = 0;
        std::uint64_t seen_in = 0; // the collection in which it was last listed
        unsigned unlisted = 0;     // collections in a row that did not list it
        bool is_over = false;      // it has ended and was told of; its pid may still be listed

        explicit Watched(ProcessClock clock) : process(std::move(clock)) {}
    };

    [[nodiscard]] bool look_at_all(UsageSample& sample);
    void look_at(pid_t pid, UsageSample& sample);
    void look_at(Watched& watched, UsageSample& sample);
    [[nodiscard]] bool watch(pid_t pid);
    [[nodiscard]] bool is_another_now(const Watched& watched) const;
    void close_unseen(bool is_whole, UsageSample& sample);
    void refresh_identity(Watched& watched) const;

    std::filesystem::path proc_root_;
    CpuTimeSource& times_;
    ShortLives short_lives_;
    std::unordered_map<pid_t, Watched> watched_;
    std::unordered_set<pid_t> unopened_; // listed, but not to be opened, in this collection
    std::unordered_set<pid_t> unopened_before_;
    std::uint64_t collections_ = 0;
};

// Who the process in `folder` is, from its stat, comm and cmdline.
[[nodiscard]] ConsumerPtr describe_process(const std::filesystem::path& folder, pid_t pid,
                                           const PidStat& stat);

} // namespace wattvisor
