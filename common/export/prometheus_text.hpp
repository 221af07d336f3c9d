// SPDX-License-Identifier: Apache-2.0
// Prometheus' text format 0.0.4: what a scrape answers with.
// https://prometheus.io/docs/instrumenting/exposition_formats/
// HELP and TYPE once per family, label values escaped as the format demands, bytes that are no
// UTF-8 replaced by U+FFFD, numbers the same in every locale. Pure; any thread; never throws for
// what a label holds.
#pragma once

#include "common/export/metric_sink.hpp"
#include "common/export/metrics.hpp"

#include <span>
#include <string>
#include <string_view>

namespace wattvisor {

inline constexpr std::string_view kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

class PrometheusText final : public MetricSink {
public:
    // Appends to `out`, which must outlive this object.
    explicit PrometheusText(std::string& out) : out_(out) {}
    void family(std::string_view name, std::string_view help, MetricType type) override;
    void sample(std::span<const Label> labels, const MetricValue& value) override;

private:
    void write_header();

    std::string& out_;
    std::string_view name_;
    std::string_view help_;
    MetricType type_ = MetricType::gauge;
    bool header_written_ = false;
};

[[nodiscard]] std::string render_prometheus(std::span<const Family> families);

// A whole page, straight from the snapshot: no families are built in between.
[[nodiscard]] std::string render_prometheus(const Snapshot& snapshot, const MetricOptions& options,
                                            const SelfStats& self);

} // namespace wattvisor
