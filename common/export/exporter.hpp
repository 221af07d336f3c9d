// SPDX-License-Identifier: Apache-2.0
// Makes the exporter that options ask for. Both agents use it, so an exporter that is added here
// exists in both.
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/export/metric_page.hpp"
#include "common/export/push/push_counts.hpp"
#include "common/export/sink.hpp"
#include "common/machine/surroundings.hpp"

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace wattvisor {

// What an exporter lives in; all of it outlives the exporter.
struct ExporterWorld {
    boost::asio::io_context& io;
    const Surroundings& surroundings;
    // Outlives the io_context too. An agent writes it where it writes its `extra` metrics.
    PushStatistics& push;
    ExtraMetrics extra;
    std::function<void()> stop; // ends the loop, for exporters that run for a given time
    // Something that was measured is lost; may be empty. A command ends with 1 then.
    std::function<void()> failed{};
};

// What an exporter tells of beside energy, so that nothing is read that nobody tells.
struct ExporterNeeds {
    bool metrics = false;    // the agent itself, the machine, units: all but power
    bool containers = false; // where processes run
    // How old memory and storage of processes may be; absent: nobody tells of them.
    std::optional<std::chrono::nanoseconds> resources{};

    ExporterNeeds& operator|=(const ExporterNeeds& other) {
        metrics = metrics || other.metrics;
        containers = containers || other.containers;
        if (other.resources) {
            resources = std::min(resources.value_or(*other.resources), *other.resources);
        }
        return *this;
    }
};
// Of all of them together, filters included.
[[nodiscard]] ExporterNeeds needs_of(const std::vector<ExporterPlan>& exporters);

// Throws StartError, for instance where a port is taken.
[[nodiscard]] std::unique_ptr<Sink> make_exporter(const ExporterOptions& options,
                                                  const ExporterWorld& world);

} // namespace wattvisor
