// SPDX-License-Identifier: Apache-2.0
#include "common/config/closest_name.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace wattvisor {

namespace {

// Longer names are not typing mistakes; the limit keeps hostile input cheap.
constexpr std::size_t kMaxLength = 64;

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') {
            c = static_cast<char>(c - 'A' + 'a');
        }
    }
    return lower;
}

// Optimal string alignment: Levenshtein's distance where swapping two neighbours counts as one.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_previous(b.size() + 1);
    std::vector<std::size_t> previous(b.size() + 1);
    std::vector<std::size_t> current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        previous[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
            current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                current[j] = std::min(current[j], before_previous[j - 2] + 1);
            }
        }
        std::swap(before_previous, previous);
        std::swap(previous, current);
    }
    return previous[b.size()];
}

} // namespace

std::optional<std::string> closest_name(std::string_view typed,
                                        std::span<const std::string> known) {
    std::optional<std::string> closest;
    if (typed.empty() || typed.size() > kMaxLength) {
        return closest;
    }
    const std::string wanted = lower_case(typed);
    std::size_t best = std::max<std::size_t>(1, wanted.size() / 3) + 1;
    for (const std::string& name : known) {
        if (name.empty() || name.size() > kMaxLength) {
            continue;
        }
        const std::size_t distance = edit_distance(wanted, lower_case(name));
        if (distance < best && distance < name.size()) {
            best = distance;
            closest = name;
        }
    }
    return closest;
}

} // namespace wattvisor
