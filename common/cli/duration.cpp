// SPDX-License-Identifier: Apache-2.0
#include "common/cli/duration.hpp"

#include "common/base/text_file.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace wattvisor {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t nanoseconds;
};

constexpr std::array<Unit, 7> kUnits{{{"h", 3'600'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"min", 60'000'000'000},
                                      {"s", 1'000'000'000},
                                      {"ms", 1'000'000},
                                      {"us", 1'000},
                                      {"ns", 1}}};
constexpr Unit kBareNumber{"", 1'000'000'000};
constexpr std::uint64_t kLongest = 100ULL * 365 * 24 * 3'600'000'000'000; // fits 63 bits

Error not_a_duration(std::string_view text, std::string what) {
    return Error{Severity::fatal, std::move(what), '"' + std::string(text) + '"',
                 "Type a number and a unit, such as 500ms, 2s, 1m or 1h"};
}

const Unit* find_unit(std::string_view name) {
    if (name.empty()) {
        return &kBareNumber;
    }
    const auto* const found = std::find_if(kUnits.begin(), kUnits.end(),
                                           [&](const Unit& unit) { return unit.name == name; });
    return found == kUnits.end() ? nullptr : found;
}

// The digits behind the point, as a part of the unit. Digits below a nanosecond are cut off.
std::uint64_t fraction_of(std::string_view digits, std::uint64_t unit) {
    std::uint64_t sum = 0;
    std::uint64_t remainder = unit;
    for (const char digit : digits) {
        sum += remainder / 10 * static_cast<std::uint64_t>(digit - '0');
        remainder /= 10;
    }
    return sum;
}

bool only_digits(std::string_view text) {
    return text.find_first_not_of("0123456789") == std::string_view::npos;
}

} // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    const std::string_view trimmed = trim(text);
    const std::size_t unit_at = std::min(trimmed.find_first_not_of("0123456789."), trimmed.size());
    const std::string_view number = trimmed.substr(0, unit_at);
    const std::size_t point = std::min(number.find('.'), number.size());
    const std::string_view fraction =
        point < number.size() ? number.substr(point + 1) : std::string_view{};

    const std::optional<std::uint64_t> whole = parse_number(number.substr(0, point));
    const bool point_without_digits = point < number.size() && fraction.empty();
    if (!whole || point_without_digits || !only_digits(fraction)) {
        return not_a_duration(text, "not a duration");
    }
    const Unit* const unit = find_unit(trimmed.substr(unit_at));
    if (unit == nullptr) {
        return not_a_duration(text, "not a unit of time");
    }
    if (*whole > kLongest / unit->nanoseconds) {
        return not_a_duration(text, "longer than 100 years");
    }
    const std::uint64_t total =
        *whole * unit->nanoseconds + fraction_of(fraction, unit->nanoseconds);
    return std::chrono::nanoseconds(static_cast<std::int64_t>(total));
}

std::string format_duration(std::chrono::nanoseconds duration) {
    const std::int64_t count = duration.count();
    if (count == 0) {
        return "0s";
    }
    for (const Unit& unit : kUnits) {
        const auto size = static_cast<std::int64_t>(unit.nanoseconds);
        if (count % size == 0) {
            return std::to_string(count / size) + std::string(unit.name);
        }
    }
    return std::to_string(count) + "ns";
}

} // namespace wattvisor
