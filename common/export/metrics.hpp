// SPDX-License-Identifier: Apache-2.0
// Every metric that a snapshot holds: Scaphandre's under their own names, units and labels, and
// Wattvisor's after Prometheus' conventions. Pure: reads nothing but its arguments, so a scrape
// touches no file and any number of scrapers see the same. What is not known is left out; while
// the source is down no power is written at all, while counters stay and never go back.
#pragma once

#include "common/accounting/snapshot.hpp"
#include "common/export/metric_sink.hpp"
#include "common/machine/host_stats.hpp"
#include "common/machine/self_stats.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace wattvisor {

struct MetricOptions {
    bool qemu = false;       // the label vmname on QEMU processes
    bool containers = false; // labels of where a process runs: container, pod, systemd unit
    // Longest label cmdline in bytes, cut where a character ends; 0 leaves the label out.
    std::size_t cmdline_limit = 4096;
    // How old the snapshot is now; only the caller has a clock.
    std::optional<std::chrono::nanoseconds> snapshot_age;
    std::string_view version = WATTVISOR_VERSION;
};

// The two sets below, one after the other. What is not known of the machine is left out.
void write_metrics(const Snapshot& snapshot, const MetricOptions& options, const SelfStats& self,
                   MetricSink& sink, const HostStats& host = {});

void write_scaph_metrics(const Snapshot& snapshot, const MetricOptions& options,
                         const SelfStats& self, MetricSink& sink, const HostStats& host = {});
void write_wattvisor_metrics(const Snapshot& snapshot, const MetricOptions& options,
                             MetricSink& sink);

// Parts of Scaphandre's set.
void write_scaph_processes(const Snapshot& snapshot, const MetricOptions& options,
                           const HostStats& host, MetricSink& sink);
void write_scaph_machine(const HostStats& host, MetricSink& sink);

// Scaphandre's way to make a number of a version: "0.1.0" is 0.10, "1.0.2" is 1.02.
[[nodiscard]] MetricValue version_value(std::string_view version);

} // namespace wattvisor
