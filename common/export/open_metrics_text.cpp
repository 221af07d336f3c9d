// SPDX-License-Identifier: Apache-2.0
#include "common/export/open_metrics_text.hpp"

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

void OpenMetricsText::write_header(std::string_view name, std::string_view help, MetricType type) {
    const auto line = [this](std::string_view keyword, std::string_view family) {
        out() += "# ";
        out() += keyword;
        out() += ' ';
        out() += family;
        out() += ' ';
    };
    const FamilyHead head = head_of(name, type);
    line("HELP", head.name);
    append_quoted_text(out(), help);
    out() += '\n';
    line("TYPE", head.name);
    out() += head.type;
    out() += '\n';
    if (const std::string_view unit = unit_of(head.name); !unit.empty()) {
        line("UNIT", head.name);
        out() += unit;
        out() += '\n';
    }
}

} // namespace wattvisor
