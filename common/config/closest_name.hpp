// SPDX-License-Identifier: Apache-2.0
// Finds what somebody probably meant to type: the known name with the fewest wrong, missing, added
// or swapped characters. Pure; any thread. Never guesses far: a name that differs in more than a
// third of its characters has no suggestion.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace wattvisor {

[[nodiscard]] std::optional<std::string> closest_name(std::string_view typed,
                                                      std::span<const std::string> known);

} // namespace wattvisor
