// SPDX-License-Identifier: Apache-2.0
#include "common/cli/option_values.hpp"

#include "common/cli/duration.hpp"
#include "common/cli/page_path.hpp"

#include <limits>
#include <utility>

namespace wattvisor {

using std::chrono::nanoseconds;

namespace {

// Below, the counters themselves are too coarse: RAPL renews them once in a millisecond.
constexpr nanoseconds kShortestInterval = std::chrono::milliseconds(10);
constexpr nanoseconds kLongestInterval = std::chrono::hours(1);

bool is_interval(nanoseconds duration) {
    return duration >= kShortestInterval && duration <= kLongestInterval;
}

std::string out_of_range() {
    return "\" is out of range. Type " + format_duration(kShortestInterval) + " to " +
           format_duration(kLongestInterval) + ", e.g. 1s";
}

} // namespace

nanoseconds duration_value(const std::string& option, std::string_view text) {
    const auto duration = parse_duration(text);
    if (!duration) {
        throw CLI::ValidationError(option, duration.error().message());
    }
    return *duration;
}

nanoseconds interval_value(const std::string& option, const std::string& text) {
    const nanoseconds duration = duration_value(option, text);
    if (!is_interval(duration)) {
        throw CLI::ValidationError(option, '"' + text + out_of_range());
    }
    return duration;
}

nanoseconds checked_interval(const std::string& option, nanoseconds interval) {
    if (!is_interval(interval)) {
        throw CLI::ValidationError(option, '"' + format_duration(interval) + out_of_range());
    }
    return interval;
}

std::optional<nanoseconds> timeout_value(const std::string& option, std::string_view text) {
    const bool negative = text.starts_with('-');
    const nanoseconds timeout = duration_value(option, text.substr(negative ? 1 : 0));
    if (negative || timeout == nanoseconds::zero()) {
        return std::nullopt;
    }
    return timeout;
}

std::uint64_t number_value(const std::string& option, const std::string& text, std::uint64_t low,
                           std::uint64_t high) {
    std::uint64_t value = 0;
    if (!CLI::detail::lexical_cast(text, value) || text.starts_with('-') || value < low ||
        value > high) {
        throw CLI::ValidationError(option, '"' + text + "\" is not a number from " +
                                               std::to_string(low) + " to " + std::to_string(high));
    }
    return value;
}

CLI::Option* add_pattern(CLI::App& app, const std::string& names, std::optional<Pattern>& pattern,
                         const std::string& help) {
    const std::string longer = names.substr(names.find("--"));
    const auto take = [&pattern,
                       name = longer.substr(0, longer.find(','))](const std::string& text) {
        auto parsed = Pattern::parse(text);
        if (!parsed) {
            throw CLI::ValidationError(name, parsed.error().message());
        }
        pattern = std::move(*parsed);
    };
    return app.add_option_function<std::string>(names, take, help)->type_name("REGEX");
}

CLI::Option* add_text(CLI::App& app, const std::string& names,
                      const std::function<void(const std::string&)>& take, const std::string& help,
                      const std::string& type, const std::string& standard) {
    return app.add_option_function<std::string>(names, take, help)
        ->type_name(type)
        ->default_str(standard);
}

std::string command_name(const CLI::App& app) {
    const CLI::App* parent = app.get_parent();
    return parent == nullptr ? app.get_name() : command_name(*parent) + ' ' + app.get_name();
}

std::string examples(const CLI::App& command, std::initializer_list<std::string_view> arguments) {
    std::string text = "Examples:";
    for (const std::string_view line : arguments) {
        text += "\n  " + command_name(command) + std::string(line);
    }
    return text;
}

std::string suffix_value(std::string text) {
    auto path = page_path(std::move(text));
    if (!path) {
        throw CLI::ValidationError("--suffix", "not the path of a page. Type letters, digits and "
                                               "any of - . _ ~ /, e.g. --suffix metrics");
    }
    return std::move(*path);
}

HttpScheme scheme_value(const std::string& text) {
    if (text != "http" && text != "https") {
        throw CLI::ValidationError("--scheme", '"' + text + "\" is neither http nor https");
    }
    return text == "https" ? HttpScheme::https : HttpScheme::http;
}

std::uint16_t port_value(const std::string& option, const std::string& text, std::uint16_t low) {
    return static_cast<std::uint16_t>(
        number_value(option, text, low, std::numeric_limits<std::uint16_t>::max()));
}

} // namespace wattvisor
