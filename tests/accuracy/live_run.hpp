// SPDX-License-Identifier: Apache-2.0
// Real processes of this machine as VMs, measured by the pipeline of the host agent with either
// source of CPU times, and held against the kernel's own count of each one's control group: tick by
// tick, a zone's energy by the CPU time that each group got of all that the machine ran. The energy
// is scripted: constant power, so that the truth is known. Needs root; takes real time.
#pragma once

#include "common/usage/cpu_time_choice.hpp"
#include "common/usage/cpu_topology.hpp"
#include "tests/accuracy/live_vm.hpp"
#include "tests/accuracy/row.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace wattvisor::accuracy {

struct LiveLoad {
    std::string name;
    std::vector<LivePlan> vms;
    // Each CPU counts as a socket: what only a machine of several shows, on any.
    bool cpu_is_socket = false;
};

// Steady, bursty, many threads, thread churn, noisy neighbour, two sockets, and processes that live
// for less than a tick.
[[nodiscard]] std::vector<LiveLoad> live_loads();

// One way to measure: a source, and how often.
struct LiveMeter {
    CpuTimeChoice source = CpuTimeChoice::clock;
    std::chrono::nanoseconds interval{0};
};

// A row for each meter; all of them measure the same processes at the same time. Throws StartError
// where this machine cannot do it.
[[nodiscard]] std::vector<Row> measure(const LiveLoad& load, const std::vector<LiveMeter>& meters,
                                       std::chrono::nanoseconds length);

} // namespace wattvisor::accuracy
