// SPDX-License-Identifier: Apache-2.0
#include "common/export/content_negotiation.hpp"

#include <algorithm>
#include <optional>

namespace wattvisor {
namespace {

constexpr int kCertain = 1000; // quality in thousandths: RFC 9110 allows three decimals
constexpr int kNever = 0;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trim(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// The part before the separator, which is taken off the text. Separators within quotes are text.
std::string_view next_part(std::string_view& text, char separator) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < text.size(); ++end) {
        if (quoted && text[end] == '\\') {
            ++end;
        } else if (text[end] == '"') {
            quoted = !quoted;
        } else if (!quoted && text[end] == separator) {
            break;
        }
    }
    end = std::min(end, text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return trim(part);
}

// "1", "0.75", "0.": in thousandths.
std::optional<int> parse_quality(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') ||
        (text.size() > 1 && text[1] != '.')) {
        return std::nullopt;
    }
    int quality = (text[0] - '0') * 1000;
    int weight = 100;
    for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        quality += (c - '0') * weight;
        weight /= 10;
    }
    return quality <= kCertain ? std::optional(quality) : std::nullopt;
}

struct Choice {
    std::string_view name;
    std::string_view version; // without quotes; empty where none is given
    int quality = kCertain;
};

// Nothing where the quality cannot be read.
std::optional<Choice> next_choice(std::string_view& list) {
    std::string_view item = next_part(list, ',');
    Choice choice;
    choice.name = next_part(item, ';');
    while (!item.empty()) {
        std::string_view value = next_part(item, ';');
        const std::string_view name = next_part(value, '=');
        value = trim(value);
        if (same(name, "q")) {
            const auto quality = parse_quality(value);
            if (!quality) {
                return std::nullopt;
            }
            choice.quality = *quality;
        } else if (same(name, "version")) {
            if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
                value = value.substr(1, value.size() - 2);
            }
            choice.version = value;
        }
    }
    return choice;
}

// How exactly a range of media types means the text format; -1: not at all.
int text_precision(const Choice& choice) {
    if (same(choice.name, "text/plain") && (choice.version.empty() || choice.version == "0.0.4")) {
        return choice.version.empty() ? 2 : 3;
    }
    return same(choice.name, "text/*") ? 1 : choice.name == "*/*" ? 0 : -1;
}

bool is_open_metrics(const Choice& choice) {
    return same(choice.name, "application/openmetrics-text") &&
           (choice.version.empty() || choice.version == "1.0.0");
}

} // namespace

PageFormat choose_format(std::string_view accept) {
    int text = kNever;
    int open_metrics = kNever;
    int precision = -1; // the most exact range decides, not the first
    while (!accept.empty()) {
        const auto choice = next_choice(accept);
        if (!choice) {
            continue;
        }
        if (is_open_metrics(*choice)) {
            open_metrics = std::max(open_metrics, choice->quality);
        } else if (const int exact = text_precision(*choice); exact > precision) {
            precision = exact;
            text = choice->quality;
        }
    }
    return open_metrics > kNever && open_metrics >= text ? PageFormat::open_metrics
                                                         : PageFormat::text;
}

bool accepts_gzip(std::string_view accept_encoding) {
    std::optional<int> gzip;
    std::optional<int> others;
    int identity = kNever;
    while (!accept_encoding.empty()) {
        const auto choice = next_choice(accept_encoding);
        if (!choice) {
            continue;
        }
        if (same(choice->name, "gzip") || same(choice->name, "x-gzip")) {
            gzip = std::max(gzip.value_or(kNever), choice->quality);
        } else if (choice->name == "*") {
            others = choice->quality;
        } else if (same(choice->name, "identity")) {
            identity = choice->quality;
        }
    }
    const int quality = gzip.value_or(others.value_or(kNever));
    return quality > kNever && quality >= identity;
}

} // namespace wattvisor
