// SPDX-License-Identifier: Apache-2.0
// Reads what a client accepts, RFC 9110 section 12.5, as far as it matters for a page of metrics:
// two formats, and gzip or not. What cannot be read counts as not said. Pure; any thread; the texts
// are a client's and hostile. Private to common/export.
#pragma once

#include <string_view>

namespace wattvisor {

enum class PageFormat { text, open_metrics };

// From the header Accept. OpenMetrics only where a client names it and does not like the text
// format better; the text format for everybody else, also for who accepts neither.
[[nodiscard]] PageFormat choose_format(std::string_view accept);

// From the header Accept-Encoding.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

} // namespace wattvisor
