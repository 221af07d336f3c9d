// SPDX-License-Identifier: Apache-2.0
// The exporter that prints: a report per measurement on standard output. Ends when nobody reads any
// more; a terminal that was stopped (Ctrl-S) holds up nobody. Asio thread only.
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/export/metric_page.hpp"
#include "common/export/sink.hpp"
#include "common/export/stdout_report.hpp"
#include "common/export/text_stream.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <string>

namespace wattvisor {

class StdoutSink final : public Sink {
public:
    // `fd` is the caller's and outlives it. `page` is for the raw view. `stop` is called when
    // printing fails, `failed` (may be empty) before it, where that is not the reader's choice.
    StdoutSink(boost::asio::io_context& io, const StdoutOptions& options, int fd, MetricPage page,
               std::function<void()> stop, std::function<void()> failed = {});

    void publish(const SnapshotPtr& snapshot) override;

private:
    void print(const std::string& text);
    [[nodiscard]] std::string render(const Snapshot& snapshot) const;
    [[nodiscard]] bool is_news(const Snapshot& snapshot) const;

    bool raw_metrics_;
    StdoutReportOptions report_;
    TextStream out_;
    MetricPage page_;
    std::function<void()> stop_;
    std::function<void()> failed_;
    bool was_too_slow_ = false; // the reader, for the report before
    SnapshotPtr shown_;
};

} // namespace wattvisor
