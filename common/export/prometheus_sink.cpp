// SPDX-License-Identifier: Apache-2.0
#include "common/export/prometheus_sink.hpp"

#include "common/export/open_metrics_text.hpp"
#include "common/export/prometheus_text.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace wattvisor {

namespace {

using std::chrono::steady_clock;

// A page tells how old its numbers are, and an exporter may be given a snapshot each hour only.
constexpr auto kOldestPage = std::chrono::seconds(1);

HttpServerOptions server_options(const PrometheusOptions& options) {
    HttpServerOptions server;
    server.address = options.address;
    server.port = options.port;
    server.suffix = options.suffix;
    if (!options.web_config_file.empty()) {
        server.web = load_web_config(options.web_config_file);
        for (const std::string& notice : server.web.notices) {
            spdlog::info("{}: {}", options.web_config_file.string(), notice);
        }
    }
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
      server_(io, server_options(options), [this](PageFormat format) { return page(format); }) {
    server_.start();
    spdlog::info("metrics are served on {}://{}/{}", server_.has_tls() ? "https" : "http",
                 server_.where(), options.suffix);
}

void PrometheusSink::publish(const SnapshotPtr& snapshot) {
    page_.update(snapshot);
    text_.page = nullptr;
    open_metrics_.page = nullptr;
}

PagePtr PrometheusSink::page(PageFormat format) {
    Rendered& rendered = format == PageFormat::open_metrics ? open_metrics_ : text_;
    const steady_clock::time_point now = steady_clock::now();
    if (!rendered.page || now - rendered.at >= kOldestPage) {
        rendered.page = std::make_shared<const Page>(render(format, rendered.last_size));
        rendered.at = now;
        rendered.last_size = rendered.page->text().size();
    }
    return rendered.page;
}

std::string PrometheusSink::render(PageFormat format, std::size_t last_size) const {
    std::string text;
    text.reserve(last_size + last_size / 8);
    if (format == PageFormat::open_metrics) {
        OpenMetricsText sink(text);
        page_.write(sink);
        sink.finish();
    } else {
        PrometheusText sink(text);
        page_.write(sink);
    }
    return text;
}

} // namespace wattvisor
