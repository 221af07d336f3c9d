// SPDX-License-Identifier: Apache-2.0
#include "common/export/prometheus_sink.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace wattvisor {

using std::chrono::steady_clock;

namespace {

HttpServerOptions server_options(const PrometheusOptions& options) {
    HttpServerOptions server;
    server.address = options.address;
    server.port = options.port;
    server.suffix = options.suffix;
    return server;
}

} // namespace

PrometheusSink::PrometheusSink(boost::asio::io_context& io, const PrometheusOptions& options,
                               ExtraMetrics extra)
    : extra_(std::move(extra)), server_(io, server_options(options), [this] { return render(); }) {
    options_.qemu = options.qemu;
    options_.cmdline_limit = options.cmdline_limit;
    server_.start();
    spdlog::info("metrics are served on http://{}/{}", server_.where(), options.suffix);
}

void PrometheusSink::publish(const SnapshotPtr& snapshot) {
    const auto now = steady_clock::now();
    if (!newest_ || newest_->sequence != snapshot->sequence) {
        measured_at_ = now;
    }
    newest_ = snapshot;
    self_ = self_reader_.read(now.time_since_epoch());
}

std::string PrometheusSink::render() const {
    if (!newest_) {
        return {}; // before the first tick, which is taken as the loop starts
    }
    MetricOptions options = options_;
    options.snapshot_age = steady_clock::now() - measured_at_;
    return render_prometheus(*newest_, options, self_, extra_);
}

} // namespace wattvisor
