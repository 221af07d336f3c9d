// SPDX-License-Identifier: Apache-2.0
#include "common/export/exporter.hpp"

#include "common/export/prometheus_sink.hpp"
#include "common/export/push/prometheus_push.hpp"
#include "common/export/push/riemann.hpp"
#include "common/export/push/warp10.hpp"
#include "common/export/stdout_sink.hpp"

#include <cstdio>

namespace wattvisor {

namespace {

struct Maker {
    const ExporterWorld& world;

    std::unique_ptr<Sink> operator()(const StdoutOptions& options) const {
        return std::make_unique<StdoutSink>(options, stdout, world.stop);
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

} // namespace

std::unique_ptr<Sink> make_exporter(const ExporterOptions& options, const ExporterWorld& world) {
    return std::visit(Maker{world}, options);
}

} // namespace wattvisor
