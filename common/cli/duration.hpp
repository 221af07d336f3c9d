// SPDX-License-Identifier: Apache-2.0
// Durations as people type them: "1s", "500ms", "2m", "1.5h"; a bare number is seconds, as it is
// in Scaphandre's options. Pure functions of text, callable from any thread; exact to the
// nanosecond, independent of the locale, and never throwing.
#pragma once

#include "common/base/error.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace wattvisor {

// Zero is a duration; a sign, blanks inside, an unknown unit or more than 100 years are errors.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// The shortest form that parse_duration() reads back: "500ms", "2s", "90s", "2m".
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

} // namespace wattvisor
