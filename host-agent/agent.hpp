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

// Runs until a signal, or until the time of an exporter is over. Throws StartError.
void run_agent(const AgentPlan& plan);

} // namespace wattvisor::host
