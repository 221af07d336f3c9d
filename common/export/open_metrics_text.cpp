// SPDX-License-Identifier: Apache-2.0
#include "common/export/open_metrics_text.hpp"

#include "common/export/exposition_text.hpp"

#include <array>

namespace wattvisor {
namespace {

constexpr std::string_view kTotal = "_total";

constexpr std::array<std::string_view, 6> kUnits{"joules",     "microjoules", "watts",
                                                 "microwatts", "seconds",     "bytes"};

struct FamilyHead {
    std::string_view name;
    std::string_view type;
};

FamilyHead head_of(std::string_view name, MetricType type) {
    if (type == MetricType::gauge) {
        return {name, "gauge"};
    }
    if (name.size() > kTotal.size() && name.ends_with(kTotal)) {
        return {name.substr(0, name.size() - kTotal.size()), "counter"};
    }
    return {name, "unknown"};
}

// Empty where the name does not end with one.
std::string_view unit_of(std::string_view family) {
    const std::size_t last = family.rfind('_');
    if (last == std::string_view::npos || last == 0) {
        return {};
    }
    const std::string_view end = family.substr(last + 1);
    for (const std::string_view unit : kUnits) {
        if (end == unit) {
            return unit;
        }
    }
    return {};
}

} // namespace

void OpenMetricsText::family(std::string_view name, std::string_view help, MetricType type) {
    name_ = name;
    help_ = help;
    type_ = type;
    header_written_ = false;
}

void OpenMetricsText::write_header() {
    const auto line = [this](std::string_view keyword, std::string_view family) {
        out_ += "# ";
        out_ += keyword;
        out_ += ' ';
        out_ += family;
        out_ += ' ';
    };
    const FamilyHead head = head_of(name_, type_);
    line("HELP", head.name);
    append_quoted_text(out_, help_);
    out_ += '\n';
    line("TYPE", head.name);
    out_ += head.type;
    out_ += '\n';
    if (const std::string_view unit = unit_of(head.name); !unit.empty()) {
        line("UNIT", head.name);
        out_ += unit;
        out_ += '\n';
    }
    header_written_ = true;
}

void OpenMetricsText::sample(std::span<const Label> labels, const MetricValue& value) {
    if (!header_written_) {
        write_header();
    }
    append_sample(out_, name_, labels, value);
}

void OpenMetricsText::finish() {
    out_ += "# EOF\n";
}

} // namespace wattvisor
