// SPDX-License-Identifier: Apache-2.0
// The exporter that prints: a report per measurement on standard output, for a given time. Ends the
// loop when the time is over or nobody reads any more. Asio thread only.
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/export/sink.hpp"
#include "common/export/stdout_report.hpp"

#include <cstdio>
#include <functional>
#include <string>

namespace wattvisor {

class StdoutSink final : public Sink {
public:
    // `stop` ends the loop.
    StdoutSink(const StdoutOptions& options, std::FILE* out, std::function<void()> stop);

    void publish(const SnapshotPtr& snapshot) override;

private:
    void print(const std::string& text);
    [[nodiscard]] bool is_news(const Snapshot& snapshot) const;
    [[nodiscard]] bool is_over() const;

    StdoutOptions options_;
    StdoutReportOptions report_;
    std::FILE* out_;
    std::function<void()> stop_;
    std::uint64_t ticks_ = 0; // of the schedule, skipped ones included
    SnapshotPtr shown_;
};

} // namespace wattvisor
