// SPDX-License-Identifier: Apache-2.0
// The Prometheus exporter: a web server that renders the newest snapshot. A scrape samples nothing,
// so any number of scrapers see the same numbers. Asio thread only.
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/export/http_server.hpp"
#include "common/export/metric_page.hpp"
#include "common/export/sink.hpp"

#include <boost/asio/io_context.hpp>

namespace wattvisor {

class PrometheusSink final : public Sink {
public:
    // `extra` writes the families that only this agent has. Binds the port, or throws StartError.
    PrometheusSink(boost::asio::io_context& io, const PrometheusOptions& options,
                   const Surroundings& surroundings, ExtraMetrics extra);

    void publish(const SnapshotPtr& snapshot) override;

private:
    [[nodiscard]] std::string render();

    MetricPage page_;
    std::size_t last_size_ = 0; // of the page: the next one is about as large
    HttpServer server_;
};

} // namespace wattvisor
