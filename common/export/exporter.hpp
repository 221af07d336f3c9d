// SPDX-License-Identifier: Apache-2.0
// Makes the exporter that options ask for. Both agents use it, so an exporter that is added here
// exists in both.
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/export/metric_page.hpp"
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
    ExtraMetrics extra;
    std::function<void()> stop; // ends the loop, for exporters that run for a given time
    // Something that was measured is lost; may be empty. A command ends with 1 then.
    std::function<void()> failed{};
};

// Throws StartError, for instance where a port is taken.
[[nodiscard]] std::unique_ptr<Sink> make_exporter(const ExporterOptions& options,
                                                  const ExporterWorld& world);

} // namespace wattvisor
