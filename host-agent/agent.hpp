// SPDX-License-Identifier: Apache-2.0
// The host agent put together: RAPL counters, the VMs that libvirt knows, the ledger, the shares
// and the exporters. Two threads: this one runs everything, the watcher's one talks to libvirt.
#pragma once

#include "host-agent/config.hpp"

namespace wattvisor::host {

struct AgentPlan {
    HostConfig config;
    bool publishes = false; // writes shares and the ledger
};

// Runs until a signal. Where nothing is published and the time of the exporter is over, ends too;
// while shares are published, only that exporter ends. Returns the exit code: kExitFailure where
// an exporter that ran alone lost a report. Throws StartError.
[[nodiscard]] int run_agent(const AgentPlan& plan);

} // namespace wattvisor::host
