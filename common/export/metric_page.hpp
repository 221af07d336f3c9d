// SPDX-License-Identifier: Apache-2.0
// Every metric that an exporter can tell now: those of the newest snapshot, of the surroundings,
// and those that only this agent has. Each exporter that speaks in metrics has one. Asio thread.
#pragma once

#include "common/export/metrics.hpp"
#include "common/machine/surroundings.hpp"

#include <chrono>
#include <functional>

namespace wattvisor {

// Families that only one of the agents has, written behind all others.
using ExtraMetrics = std::function<void(MetricSink&)>;

class MetricPage {
public:
    // The surroundings outlive it.
    MetricPage(const MetricOptions& options, const Surroundings& surroundings, ExtraMetrics extra);

    // At each tick; a snapshot that is handed out again does not become younger by it.
    void update(const SnapshotPtr& snapshot);

    // Null before the first tick, which is taken as the loop starts.
    [[nodiscard]] const SnapshotPtr& snapshot() const { return newest_; }
    // Writes nothing before the first tick.
    void write(MetricSink& sink) const;

private:
    MetricOptions options_;
    const Surroundings& surroundings_;
    ExtraMetrics extra_;
    SnapshotPtr newest_;
    std::chrono::steady_clock::time_point measured_at_{};
};

} // namespace wattvisor
