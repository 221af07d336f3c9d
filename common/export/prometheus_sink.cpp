// SPDX-License-Identifier: Apache-2.0
#include "common/export/prometheus_sink.hpp"

#include "common/export/prometheus_text.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace wattvisor {

namespace {

HttpServerOptions server_options(const PrometheusOptions& options) {
    HttpServerOptions server;
    server.address = options.address;
    server.port = options.port;
    server.suffix = options.suffix;
    return server;
}

MetricOptions metric_options(const PrometheusOptions& options) {
    MetricOptions metric;
    metric.qemu = options.qemu;
    metric.containers = options.containers;
    metric.cmdline_limit = options.cmdline_limit;
    return metric;
}

} // namespace

PrometheusSink::PrometheusSink(boost::asio::io_context& io, const PrometheusOptions& options,
                               const Surroundings& surroundings, ExtraMetrics extra)
    : page_(metric_options(options), surroundings, std::move(extra)),
      server_(io, server_options(options), [this] { return render(); }) {
    server_.start();
    spdlog::info("metrics are served on http://{}/{}", server_.where(), options.suffix);
}

void PrometheusSink::publish(const SnapshotPtr& snapshot) {
    page_.update(snapshot);
}

std::string PrometheusSink::render() {
    std::string text;
    text.reserve(last_size_ + last_size_ / 8);
    PrometheusText sink(text);
    page_.write(sink);
    last_size_ = text.size();
    return text;
}

} // namespace wattvisor
