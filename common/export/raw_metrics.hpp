// SPDX-License-Identifier: Apache-2.0
// Scaphandre's raw view: a line per metric, "name = value {labels as JSON} # help". Appends to a
// string; labels are JSON of ASCII characters only, so no name can reach the terminal as an escape.
#pragma once

#include "common/export/metric_sink.hpp"

#include <chrono>
#include <string>

namespace wattvisor {

// "## At <seconds since 1970>"
[[nodiscard]] std::string raw_metrics_title(std::chrono::system_clock::time_point time);

class RawMetrics final : public MetricSink {
public:
    explicit RawMetrics(std::string& out) : out_(out) {}

    void family(std::string_view name, std::string_view help, MetricType type) override;
    void sample(std::span<const Label> labels, const MetricValue& value) override;

private:
    std::string& out_;
    std::string_view name_; // of the family
    std::string_view help_;
};

} // namespace wattvisor
