// SPDX-License-Identifier: Apache-2.0
// Prometheus' text format 0.0.4: what a scrape answers with.
// https://prometheus.io/docs/instrumenting/exposition_formats/
// HELP and TYPE once per family. Pure; any thread.
#pragma once

#include "common/export/exposition_text.hpp"

#include <string>
#include <string_view>

namespace wattvisor {

inline constexpr std::string_view kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

class PrometheusText final : public ExpositionText {
public:
    // Appends to `out`, which must outlive this object.
    explicit PrometheusText(std::string& out) : ExpositionText(out) {}

private:
    void write_header(std::string_view name, std::string_view help, MetricType type) override;
};

} // namespace wattvisor
