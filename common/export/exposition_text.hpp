// SPDX-License-Identifier: Apache-2.0
// What the text format 0.0.4 and OpenMetrics have in common: escaped texts and lines of samples.
// Bytes that are no UTF-8 are replaced by U+FFFD, numbers are the same in every locale. Pure; any
// thread; never throws for what a label holds. Private to common/export.
#pragma once

#include "common/export/metric_sink.hpp"

#include <span>
#include <string>
#include <string_view>

namespace wattvisor {

// `\`, line feed and `"` escaped: label values of both formats, and HELP of OpenMetrics.
void append_quoted_text(std::string& out, std::string_view text);
// `\` and line feed escaped, a quote as it is: HELP of the text format.
void append_help_text(std::string& out, std::string_view text);

// NAME{LABEL="VALUE",...} VALUE and a line feed.
void append_sample(std::string& out, std::string_view name, std::span<const Label> labels,
                   const MetricValue& value);

} // namespace wattvisor
