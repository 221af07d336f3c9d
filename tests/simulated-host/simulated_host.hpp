// SPDX-License-Identifier: Apache-2.0
// The simulated host: a machine with sockets, CPUs, VMs, processes and energy counters, as a value
// that goes on when it is told to. Virtual time: a minute takes a moment, and the same scenario
// gives the same numbers in every run. What its files show and what is true both come from here.
//
//     SimulatedHost host(scenario);
//     auto tree = HostTree::create(root, host);   // host_tree.hpp
//     host.advance(100ms);
//     tree->write(host);                          // what an agent with --proc and --sys sees
//     host.truth();                               // what it should have found
//
// One thread. Knows no file and no real clock.
#pragma once

#include "tests/simulated-host/cpu_grid.hpp"
#include "tests/simulated-host/host_truth.hpp"
#include "tests/simulated-host/population.hpp"
#include "tests/simulated-host/zone_bank.hpp"

#include <memory>

namespace wattvisor::simulated {

class SimulatedHost {
public:
    // What the scenario's events name must be there; a StartError says what is not.
    explicit SimulatedHost(Scenario scenario);

    // Lets time pass. Parts of the scenario's quantum are fine; what happens does not depend on how
    // the time is cut into calls, but for the rounding of a nanosecond here or there.
    void advance(nanoseconds time);
    // Something happens now.
    void apply(const Event& event);

    [[nodiscard]] nanoseconds now() const { return now_; } // monotonic, since the start
    // Suspended times are in it; start times of processes are on this clock.
    [[nodiscard]] nanoseconds since_boot() const { return boot_offset_ + now_; }

    [[nodiscard]] HostTruth truth() const;

    [[nodiscard]] const Scenario& scenario() const { return *scenario_; }
    [[nodiscard]] const ZoneBank& zones() const { return zones_; }
    [[nodiscard]] const CpuGrid& grid() const { return grid_; }
    [[nodiscard]] const Population& population() const { return population_; }

private:
    struct Want {
        Process* process;
        Task* task;
        unsigned socket;
        Millionths level;
    };
    struct Use {
        Process* process;
        std::uint64_t cpu_ns;
    };

    void step(nanoseconds time);
    void collect_wants();
    void run(std::uint64_t time);
    void run_task(const Want& want, std::uint64_t time);
    void charge(std::uint64_t time);
    void share(std::size_t zone, const Energy& energy);
    void happen();
    void begin(const Event& event);
    [[nodiscard]] unsigned socket_of(const Task& task) const;

    std::unique_ptr<const Scenario> scenario_; // its address is kept by its parts
    ZoneBank zones_;
    CpuGrid grid_;
    Population population_;
    nanoseconds now_{0};
    nanoseconds boot_offset_{0};
    struct Due {
        nanoseconds at{0};
        bool is_end = false; // of what the event began
        Event event;
    };
    std::vector<Due> due_; // in their order
    std::vector<Want> wants_;
    std::vector<std::uint64_t> demand_;  // per socket, in millionths of a CPU
    std::vector<std::vector<Use>> uses_; // per socket, of the step
    // What belongs to no VM and to no process that is listed.
    std::vector<Energy> other_; // kernel threads and interrupts
    std::vector<Energy> idle_;
    std::vector<Energy> ended_; // processes that the truth no longer lists
    SocketNanos other_cpu_;
    SocketNanos ended_cpu_;
};

} // namespace wattvisor::simulated
