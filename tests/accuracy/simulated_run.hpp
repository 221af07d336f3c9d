// SPDX-License-Identifier: Apache-2.0
// A scenario of the simulated host in virtual time, measured by the pipeline of the host agent: its
// counters by PowercapSource, its VMs by VmUsage with the files of /proc as clocks, and the Meter.
// Held against the ideal meter, which knows to the nanosecond who ran. One thread.
#pragma once

#include "tests/accuracy/row.hpp"
#include "tests/simulated-host/scenario.hpp"

#include <chrono>
#include <filesystem>
#include <string>

namespace wattvisor::accuracy {

struct SimulatedPlan {
    std::string load; // as the table shall call it
    simulated::Scenario scenario;
    std::chrono::nanoseconds interval{0};
    std::chrono::nanoseconds length{0};
};

// `root` is made anew; on tmpfs if there is one. Throws StartError where files cannot be made.
[[nodiscard]] Row measure(const SimulatedPlan& plan, const std::filesystem::path& root);

} // namespace wattvisor::accuracy
