// SPDX-License-Identifier: Apache-2.0
// The Prometheus exporter: a web server that renders the newest snapshot. A scrape samples nothing,
// so any number of scrapers see the same numbers; those of one tick share one page of each format.
// Asio thread only.
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/export/http_server.hpp"
#include "common/export/metric_page.hpp"
#include "common/export/sink.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace wattvisor {

class PrometheusSink final : public Sink {
public:
    // `extra` writes the families that only this agent has. Binds the port, or throws StartError.
    PrometheusSink(boost::asio::io_context& io, const PrometheusOptions& options,
                   const Surroundings& surroundings, ExtraMetrics extra);

    void publish(const SnapshotPtr& snapshot) override;

private:
    // As it was rendered in this tick.
    struct Rendered {
        PagePtr page; // null: not yet
        std::chrono::steady_clock::time_point at{};
        std::size_t last_size = 0; // the next one is about as large
    };

    [[nodiscard]] PagePtr page(PageFormat format);
    [[nodiscard]] std::string render(PageFormat format, std::size_t last_size) const;

    MetricPage page_;
    Rendered text_;
    Rendered open_metrics_;
    HttpServer server_;
};

} // namespace wattvisor
