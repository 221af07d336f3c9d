// SPDX-License-Identifier: Apache-2.0
// What both agents do all day: on each tick take a measurement and hand the snapshot to the sinks,
// until SIGINT or SIGTERM. Logs what changes, not what stays. One thread runs it all.
#pragma once

#include "common/accounting/meter.hpp"
#include "common/export/sink.hpp"
#include "common/machine/surroundings.hpp"
#include "common/sampler.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace wattvisor {

class AgentLoop {
public:
    // The sources are the caller's and outlive the loop.
    AgentLoop(boost::asio::io_context& io, Meter& meter, EnergySource& energy,
              ConsumerSource& consumers, std::chrono::nanoseconds interval);

    // In the order in which they are called. The sink outlives the loop.
    void add_sink(Sink& sink) { sinks_.push_back(&sink); }

    // Empty, unless there is an exporter that tells of them: then they are read at each tick,
    // before the sinks are called. The roots are those of the machine that is measured.
    [[nodiscard]] const Surroundings& surroundings() const { return surroundings_; }
    void read_surroundings(const std::filesystem::path& proc_root,
                           const std::filesystem::path& sys_root);

    // Returns when a signal came or stop() was called.
    void run();
    void stop();

private:
    void tick(const TickTime& time);
    void hand_over(Sink& sink, const SnapshotPtr& snapshot);
    void log_changes(const Snapshot& snapshot);
    void log_zone(const ZoneAccount& account);
    void log_clock(const Snapshot& snapshot);

    boost::asio::io_context& io_;
    boost::asio::signal_set signals_;
    Meter& meter_;
    EnergySource& energy_;
    ConsumerSource& consumers_;
    Sampler sampler_;
    Surroundings surroundings_;
    bool reads_surroundings_ = false;
    std::vector<Sink*> sinks_;
    bool was_up_ = false;
    std::string logged_problem_;
    struct ZoneEvents {
        bool is_known = false; // counts of an earlier run are no news
        std::uint64_t wraps = 0;
        std::uint64_t resets = 0;
        std::uint64_t jumps = 0;
        std::string problem;
    };
    std::map<std::string, ZoneEvents> zones_; // by id
    std::uint64_t suspends_ = 0;
    std::uint64_t ticks_skipped_ = 0;
    bool was_late_ = false;
    std::uint64_t ticks_ = 0;
    std::uint64_t lost_ends_ = 0;
    std::map<Sink*, std::string> sink_problems_;
};

// Lifts the limit of open files to what the system allows: one descriptor watches one process.
void raise_open_file_limit();

} // namespace wattvisor
