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

#include <functional>
#include <memory>

namespace wattvisor {

// What an exporter lives in; all of it outlives the exporter.
struct ExporterWorld {
    boost::asio::io_context& io;
    const Surroundings& surroundings;
    // Outlives the io_context too. An agent writes it where it writes its `extra` metrics.
    PushStatistics& push;
    ExtraMetrics extra;
    std::function<void()> stop; // ends the loop, for exporters that run for a given time
};

// Throws StartError, for instance where a port is taken.
[[nodiscard]] std::unique_ptr<Sink> make_exporter(const ExporterOptions& options,
                                                  const ExporterWorld& world);

} // namespace wattvisor
