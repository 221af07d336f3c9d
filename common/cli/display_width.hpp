// SPDX-License-Identifier: Apache-2.0
// How many columns a terminal uses for UTF-8 text, and cutting and padding by that measure: a
// Chinese character takes two, a combining accent none. Any thread; independent of the process'
// locale. Expects printable text: hostile characters go through printable() first.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace wattvisor {

[[nodiscard]] std::size_t display_width(std::string_view text);

// Exactly `columns` wide: padded with blanks behind, or cut with an ellipsis at the end.
[[nodiscard]] std::string fit_columns(std::string_view text, std::size_t columns);

} // namespace wattvisor
