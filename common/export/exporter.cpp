// SPDX-License-Identifier: Apache-2.0
#include "common/export/exporter.hpp"

#include "common/export/prometheus_sink.hpp"
#include "common/export/stdout_sink.hpp"

#include <cstdio>
#include <type_traits>

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
};

// The terminal shows power only; all others send whatever there is.
template <typename Options>
ExporterNeeds needs_of_options(const Options& options) {
    ExporterNeeds needs;
    needs.metrics = !std::is_same_v<Options, StdoutOptions>;
    if constexpr (requires { options.containers; }) {
        needs.containers = options.containers;
    }
    return needs;
}

} // namespace

ExporterNeeds needs_of(const ExporterOptions& options) {
    return std::visit([](const auto& known) { return needs_of_options(known); }, options);
}

std::unique_ptr<Sink> make_exporter(const ExporterOptions& options, const ExporterWorld& world) {
    return std::visit(Maker{world}, options);
}

} // namespace wattvisor
