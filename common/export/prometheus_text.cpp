// SPDX-License-Identifier: Apache-2.0
#include "common/export/prometheus_text.hpp"

namespace wattvisor {

void PrometheusText::write_header(std::string_view name, std::string_view help, MetricType type) {
    out() += "# HELP ";
    out() += name;
    out() += ' ';
    append_help_text(out(), help);
    out() += "\n# TYPE ";
    out() += name;
    out() += type == MetricType::counter ? " counter\n" : " gauge\n";
}

} // namespace wattvisor
