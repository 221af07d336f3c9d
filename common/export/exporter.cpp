// SPDX-License-Identifier: Apache-2.0
#include "common/export/exporter.hpp"

#include "common/export/json_sink.hpp"
#include "common/export/prometheus_sink.hpp"
#include "common/export/push/prometheus_push.hpp"
#include "common/export/push/riemann.hpp"
#include "common/export/push/warp10.hpp"
#include "common/export/stdout_sink.hpp"

#include <unistd.h>

namespace wattvisor {

namespace {

struct Maker {
    const ExporterWorld& world;

    std::unique_ptr<Sink> operator()(const StdoutOptions& options) const {
        MetricOptions metrics;
        metrics.qemu = options.qemu;
        metrics.containers = options.containers;
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
    std::unique_ptr<Sink> operator()(const PrometheusPushOptions& options) const {
        return make_prometheus_push(options, world);
    }
    std::unique_ptr<Sink> operator()(const Warp10Options& options) const {
        return make_warp10(options, world);
    }
    std::unique_ptr<Sink> operator()(const RiemannOptions& options) const {
        return make_riemann(options, world);
    }
};

// Of metrics: two files per process that works, the dearest part of a tick. A report of JSON has
// what came since the one before.
constexpr std::chrono::seconds kResourcesAge{30};

// The terminal shows power only, unless it shows metrics; all others send whatever there is.
template <typename Options>
ExporterNeeds needs_of_options(const Options& options) {
    ExporterNeeds needs;
    needs.metrics = true;
    if constexpr (requires { options.raw_metrics; }) {
        needs.metrics = options.raw_metrics;
    }
    if (needs.metrics) {
        needs.resources = kResourcesAge;
    }
    if constexpr (requires { options.resources; }) {
        needs.resources =
            options.resources ? std::optional(std::chrono::nanoseconds(0)) : std::nullopt;
    }
    if constexpr (requires { options.containers; }) {
        needs.containers = options.containers;
    }
    return needs;
}

} // namespace

ExporterNeeds needs_of(const std::vector<ExporterPlan>& exporters) {
    ExporterNeeds needs;
    for (const ExporterPlan& plan : exporters) {
        needs |=
            std::visit([](const auto& known) { return needs_of_options(known); }, plan.exporter);
        needs.containers = needs.containers || plan.filter.container.has_value();
    }
    return needs;
}

std::unique_ptr<Sink> make_exporter(const ExporterOptions& options, const ExporterWorld& world) {
    return std::visit(Maker{world}, options);
}

} // namespace wattvisor
