// SPDX-License-Identifier: Apache-2.0
#include "common/cli/duration.hpp"
#include "tests/simulated-host/host_tree.hpp"
#include "tests/simulated-host/real_time.hpp"
#include "tests/simulated-host/runs.hpp"
#include "tests/simulated-host/scenario_reader.hpp"
#include "tests/simulated-host/truth_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace wattvisor::simulated {

namespace {

void announce(const SimulatedHost& host, const HostTree& tree, nanoseconds step) {
    const Scenario& scenario = host.scenario();
    fmt::print(stderr,
               "simulated host: {}{}{} VMs, {} processes, {} socket(s), every {}. An agent sees it "
               "with:\n  wattvisor-host stdout",
               scenario.title, scenario.title.empty() ? "" : ": ", host.population().vms().size(),
               host.population().processes().size(), scenario.host.sockets, format_duration(step));
    for (const std::string& option : tree.agent_options()) {
        fmt::print(stderr, " {}", option);
    }
    fmt::print(stderr, "\n");
}

class Run {
public:
    Run(const Options& options, Scenario scenario)
        : host_(std::move(scenario)), tree_(value_or_stop(HostTree::create(options.root, host_))),
          truth_(options.truth.empty() ? TruthRecord()
                                       : value_or_stop(TruthRecord::create(options.truth))) {
        announce(host_, tree_, options.step);
        write();
    }

    void advance(nanoseconds time) {
        host_.advance(time);
        write();
    }
    [[nodiscard]] nanoseconds now() const { return host_.now(); }

private:
    void write() {
        UpdateTime update{updates_++, monotonic_now(), {}};
        value_or_stop(tree_.write(host_));
        update.end = monotonic_now();
        if (truth_.is_kept()) {
            value_or_stop(truth_.add(truth_line(update, host_.truth())));
        }
    }

    SimulatedHost host_;
    HostTree tree_;
    TruthRecord truth_;
    std::uint64_t updates_ = 0;
};

} // namespace

void run_scenario(const Options& options) {
    Scenario scenario = load_scenario(options.scenario);
    const nanoseconds duration =
        options.duration.count() > 0 ? options.duration : scenario.duration;
    if (options.fast && duration.count() == 0) {
        throw StartError("--fast needs an end: --duration 1m, or duration in the scenario",
                         kExitConfiguration);
    }
    if (options.check) {
        const SimulatedHost sound(std::move(scenario));
        return;
    }
    Run run(options, std::move(scenario));
    const nanoseconds start = monotonic_now();
    const auto is_over = [&] { return duration.count() > 0 && run.now() >= duration; };
    while (!must_stop() && !is_over()) {
        // Virtual time is the real one since the start, in whole steps; late steps are made up for
        // in one.
        nanoseconds due = run.now() + options.step;
        if (!options.fast) {
            sleep_until(start + due);
            due = std::max(due, (monotonic_now() - start) / options.step * options.step);
        }
        if (!must_stop()) {
            run.advance(due - run.now());
        }
    }
}

} // namespace wattvisor::simulated
