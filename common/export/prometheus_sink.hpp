// SPDX-License-Identifier: Apache-2.0
// The Prometheus exporter: a web server that renders the newest snapshot. A scrape samples nothing,
// so any number of scrapers see the same numbers. Asio thread only.
#pragma once

#include "common/cli/cli_options.hpp"
#include "common/export/http_server.hpp"
#include "common/export/metrics.hpp"
#include "common/export/prometheus_text.hpp"
#include "common/export/self_stats.hpp"
#include "common/export/sink.hpp"

#include <boost/asio/io_context.hpp>

namespace wattvisor {

class PrometheusSink final : public Sink {
public:
    // `extra` writes the families that only this agent has. Binds the port, or throws StartError.
    PrometheusSink(boost::asio::io_context& io, const PrometheusOptions& options,
                   ExtraMetrics extra);

    void publish(const SnapshotPtr& snapshot) override;

private:
    [[nodiscard]] std::string render() const;

    MetricOptions options_;
    ExtraMetrics extra_;
    SnapshotPtr newest_;
    std::chrono::steady_clock::time_point measured_at_{};
    SelfStatsReader self_reader_;
    SelfStats self_;
    HttpServer server_;
};

} // namespace wattvisor
