// SPDX-License-Identifier: Apache-2.0
// The processes of this machine as consumers. One reading per process and tick, and a look at the
// list of /proc when a pid was given out since the last, or after ten ticks; files of a process are
// read when it appears and now and then after, since a shell that turns into another program keeps
// its pid. What was born and ended between two looks is charged by name. Kernel threads are no
// consumers: they are `other`. One process that may not be read costs that process only. Used
// alone, or beside another source that has processes of its own (host-agent/host_usage): those are
// left out here.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/containers/container_registry.hpp"
#include "common/usage/cpu_time_source.hpp"
#include "common/usage/new_pids.hpp"
#include "common/usage/process_resources.hpp"
#include "common/usage/short_lives.hpp"

#include <filesystem>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace wattvisor {

// What else is told of each process, and what it costs.
struct ProcessDetails {
    unsigned resources_every = 0; // ticks between two looks at memory and storage; 0: none
    // The unit, and with a registry the container: one file per process, when it appears and now
    // and then. The registry outlives its user.
    bool units = false;
    ContainerRegistry* containers = nullptr;
    // Where the kernel tells of new pids; by default the live one's of a live /proc, and of another
    // /proc none: it is listed at every tick.
    std::optional<std::filesystem::path> loadavg{};
};

class ProcessUsage final : public ConsumerSource {
public:
    // `times` outlives this.
    ProcessUsage(std::filesystem::path proc_root, CpuTimeSource& times,
                 const ProcessDetails& details = {});

    [[nodiscard]] UsageSample collect() override;

    // collect() in its parts, for a source that has other consumers beside processes and reads the
    // rest of the sample itself. Processes in `others` are left out: what they used until now is
    // told of once more if they were told of before; should one come back, its time until then is
    // not charged again.
    void append_to(UsageSample& sample, const std::unordered_set<pid_t>& others);
    void append_short_lives(const std::vector<ShortLife>& lives, UsageSample& sample);
    // Whether what the process used in the collection before was told of here.
    [[nodiscard]] bool has_told_of(pid_t pid) const;

private:
    struct Watched {
        WatchedProcess process;
        ConsumerPtr consumer; // none for a kernel thread
        SocketTimes baseline;
        SocketTimes last;  // what was seen of it when it could last be read
        SocketTimes moved; // in the last reading
        ResourceWatch resources;
        std::uint64_t looks = 0;
        std::uint64_t seen_in = 0; // the collection in which it was last listed
        unsigned unlisted = 0;     // collections in a row that did not list it
        bool is_over = false;      // it has ended and was told of; its pid may still be listed

        explicit Watched(ProcessClock clock) : process(std::move(clock)) {}
    };

    [[nodiscard]] bool is_listing_due(const std::unordered_set<pid_t>& others);
    void look_at_known(UsageSample& sample);
    [[nodiscard]] bool look_at_all(UsageSample& sample, const std::unordered_set<pid_t>& others);
    void look_at(pid_t pid, UsageSample& sample);
    void look_at(Watched& watched, UsageSample& sample);
    void leave_to_others(pid_t pid, UsageSample& sample);
    void tell_of(Watched& watched, UsageSample& sample);
    [[nodiscard]] ConsumerPtr describe(pid_t pid, const PidStat& stat) const;
    void renew_containers();
    [[nodiscard]] bool watch(pid_t pid);
    [[nodiscard]] bool is_another_now(const Watched& watched) const;
    void close_unseen(bool is_whole, UsageSample& sample);
    void refresh_identity(Watched& watched) const;

    std::filesystem::path proc_root_;
    CpuTimeSource& times_;
    ProcessDetails details_;
    std::uint64_t containers_version_ = 0;
    ShortLives short_lives_;
    std::unordered_map<pid_t, Watched> watched_;
    std::unordered_set<pid_t> unopened_; // listed, but not to be opened, in the last list
    std::unordered_set<pid_t> unopened_before_;
    std::unordered_set<pid_t> others_; // at the last list
    NewPids new_pids_;
    std::uint64_t collections_ = 0;
    std::uint64_t listed_in_ = 0; // the collection of the last list
    bool is_listed_ = false;      // it could be read to its end
};

// Who the process in `folder` is, from its stat, comm and cmdline.
[[nodiscard]] ConsumerPtr describe_process(const std::filesystem::path& folder, pid_t pid,
                                           const PidStat& stat);

} // namespace wattvisor
