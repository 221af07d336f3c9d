// SPDX-License-Identifier: Apache-2.0
// OpenMetrics 1.0: what a scrape answers with where the scraper asks for it.
// https://github.com/OpenObservability/OpenMetrics/blob/main/specification/OpenMetrics.md
// A counter's family is named without `_total`. Counters whose name lacks it (Scaphandre's, kept to
// the letter) have the type unknown: the format knows no counter without it. UNIT is told where the
// name ends with the unit, as the format demands. Pure; any thread.
#pragma once

#include "common/export/exposition_text.hpp"

#include <string>
#include <string_view>

namespace wattvisor {

inline constexpr std::string_view kOpenMetricsContentType =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

class OpenMetricsText final : public ExpositionText {
public:
    // Appends to `out`, which must outlive this object.
    explicit OpenMetricsText(std::string& out) : ExpositionText(out) {}
    // The line that ends a page; nothing may be written after it.
    void finish() { out() += "# EOF\n"; }

private:
    void write_header(std::string_view name, std::string_view help, MetricType type) override;
};

} // namespace wattvisor
