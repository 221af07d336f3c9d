// SPDX-License-Identifier: Apache-2.0
#include "common/agent_loop.hpp"

#include "common/cli/safe_text.hpp"
#include "common/machine/start_pages.hpp"

#include <boost/system/error_code.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <sys/resource.h>
#include <utility>

namespace wattvisor {

namespace {

// Until all VMs were looked at closely, and every sink has done its work once.
constexpr std::uint64_t kTicksOfStart = 5;

} // namespace

AgentLoop::AgentLoop(boost::asio::io_context& io, Meter& meter, EnergySource& energy,
                     ConsumerSource& consumers, std::chrono::nanoseconds interval)
    : io_(io), signals_(io, SIGINT, SIGTERM), meter_(meter), energy_(energy), consumers_(consumers),
      sampler_(io, interval, [this](const TickTime& time) { tick(time); }) {}

void AgentLoop::run() {
    // A scraper or a pager that goes away must not end the agent.
    std::signal(SIGPIPE, SIG_IGN); // NOLINT(cert-err33-c): SIG_IGN is always accepted
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
        if (!error) {
            spdlog::info("stopping on signal {}", signal);
            stop();
        }
    });
    sampler_.start();
    io_.run();
}

void AgentLoop::stop() {
    io_.stop();
}

void AgentLoop::read_surroundings(const std::filesystem::path& proc_root,
                                  const std::filesystem::path& sys_root) {
    surroundings_.read_host_from(proc_root, sys_root);
    reads_surroundings_ = true;
}

void AgentLoop::tick(const TickTime& time) {
    const SnapshotPtr snapshot = meter_.tick(time, energy_, consumers_);
    log_changes(*snapshot);
    if (reads_surroundings_) {
        surroundings_.read(time.monotonic);
    }
    for (Sink* sink : sinks_) {
        hand_over(*sink, snapshot);
    }
    if (++ticks_ == kTicksOfStart) {
        release_start_pages();
    }
}

// One exporter that fails stops no other, and is tried again at the next tick.
void AgentLoop::hand_over(Sink& sink, const SnapshotPtr& snapshot) {
    std::string problem;
    try {
        sink.publish(snapshot);
    } catch (const std::exception& error) {
        problem = error.what();
    }
    std::string& known = sink_problems_[&sink];
    if (!problem.empty() && problem != known) {
        spdlog::error("an exporter failed: {}", printable(problem));
    }
    known = std::move(problem);
}

void AgentLoop::log_changes(const Snapshot& snapshot) {
    if (snapshot.source_up != was_up_ || snapshot.source_problem != logged_problem_) {
        if (snapshot.source_up) {
            spdlog::info("energy arrives from {} zones", snapshot.zones.size());
        } else {
            spdlog::warn("no power is known: {}", printable(snapshot.source_problem));
        }
        was_up_ = snapshot.source_up;
        logged_problem_ = snapshot.source_problem;
    }
    for (const ZoneAccount& account : snapshot.zones) {
        log_zone(account);
    }
    log_clock(snapshot);
}

void AgentLoop::log_zone(const ZoneAccount& account) {
    ZoneEvents& known = zones_[account.zone.id];
    if (known.is_known) {
        if (account.wraps > known.wraps) {
            spdlog::info("zone {}: the counter began again at 0 after its largest value",
                         account.zone.id);
        }
        if (account.resets > known.resets) {
            spdlog::warn("zone {}: the counter was reset; what was used meanwhile is charged to "
                         "nobody",
                         account.zone.id);
        }
        if (account.jumps > known.jumps) {
            spdlog::warn("zone {}: the counter leapt by more than a zone can use; nothing is "
                         "charged for it",
                         account.zone.id);
        }
    }
    if (account.problem.empty() != known.problem.empty() ||
        (!account.problem.empty() && account.problem != known.problem)) {
        if (account.problem.empty()) {
            spdlog::info("zone {} can be read again", account.zone.id);
        } else {
            spdlog::warn("zone {} is left out: {}", account.zone.id, printable(account.problem));
        }
    }
    known = {true, account.wraps, account.resets, account.jumps, account.problem};
}

void AgentLoop::log_clock(const Snapshot& snapshot) {
    if (snapshot.suspends > suspends_) {
        spdlog::info("the machine was suspended; power is derived again from the next tick on");
        suspends_ = snapshot.suspends;
    }
    const std::uint64_t late = snapshot.ticks_skipped - ticks_skipped_;
    ticks_skipped_ = snapshot.ticks_skipped;
    // At short intervals a tick is late now and then; only a real pause is news.
    const bool is_late =
        snapshot.interval * static_cast<std::int64_t>(late) >= std::chrono::seconds(1);
    if (is_late && !was_late_) {
        spdlog::warn("this machine is too busy or was stopped: {} ticks were left out", late);
    } else if (!is_late && was_late_) {
        spdlog::info("ticks are on time again; {} were left out in all", snapshot.ticks_skipped);
    }
    was_late_ = is_late;
    if (snapshot.lost_ends > 0 && lost_ends_ == 0) {
        spdlog::warn("more processes end than can be told of: what they used last is charged to "
                     "other, and counted in wattvisor_lost_ends_total");
    }
    lost_ends_ = snapshot.lost_ends;
}

void raise_open_file_limit() {
    constexpr rlim_t kWanted = 524'288; // what systemd gives to services
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    const rlimit more{std::max(limit.rlim_max, kWanted), std::max(limit.rlim_max, kWanted)};
    if (::setrlimit(RLIMIT_NOFILE, &more) != 0) { // only a privileged process may exceed its limit
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

} // namespace wattvisor
