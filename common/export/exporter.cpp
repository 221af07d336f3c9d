// SPDX-License-Identifier: Apache-2.0
#include "common/export/exporter.hpp"

#include "common/export/json_sink.hpp"
#include "common/export/prometheus_sink.hpp"
#include "common/export/stdout_sink.hpp"

#include <unistd.h>

namespace wattvisor {

namespace {

struct Maker {
    const ExporterWorld& world;

    std::unique_ptr<Sink> operator()(const StdoutOptions& options) const {
        MetricOptions metrics;
        metrics.qemu = options.qemu;
        return std::make_unique<StdoutSink>(world.io, options, STDOUT_FILENO,
                                            MetricPage(metrics, world.surroundings, world.extra),
                                            world.stop, world.failed);
    }
    std::unique_ptr<Sink> operator()(const JsonOptions& options) const {
        return std::make_unique<JsonSink>(options, open_json_array(world.io, options.file),
                                          world.surroundings,
                                          JsonSinkEvents{world.stop, world.failed});
    }
    std::unique_ptr<Sink> operator()(const PrometheusOptions& options) const {
        return std::make_unique<PrometheusSink>(world.io, options, world.surroundings, world.extra);
    }
};

} // namespace

std::unique_ptr<Sink> make_exporter(const ExporterOptions& options, const ExporterWorld& world) {
    return std::visit(Maker{world}, options);
}

} // namespace wattvisor
