// SPDX-License-Identifier: Apache-2.0
// What may stand behind the slash of a page's URL, typed or configured. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wattvisor {

// Without slashes in front: Scaphandre's users write it with or without. None where it is empty or
// holds a character that a URL would have to escape.
[[nodiscard]] inline std::optional<std::string> page_path(std::string text) {
    constexpr std::string_view kAllowed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    text.erase(0, text.find_first_not_of('/'));
    if (text.empty() || text.find_first_not_of(kAllowed) != std::string::npos) {
        return std::nullopt;
    }
    return text;
}

} // namespace wattvisor
