// SPDX-License-Identifier: Apache-2.0
// Compresses a page, RFC 1952, at zlib's cheapest level: a page of metrics repeats itself so much
// that the dearer levels save little and cost several times as much. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace wattvisor {

// Throws std::bad_alloc where memory is short; zlib fails in no other way here.
[[nodiscard]] std::string gzip(std::string_view text);

} // namespace wattvisor
