// SPDX-License-Identifier: Apache-2.0
#include "common/export/raw_metrics.hpp"

#include <nlohmann/json.hpp>

namespace wattvisor {

std::string raw_metrics_title(std::chrono::system_clock::time_point time) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch());
    return "## At " + std::to_string(seconds.count()) + '\n';
}

void RawMetrics::family(std::string_view name, std::string_view help, MetricType) {
    name_ = name;
    help_ = help;
}

void RawMetrics::sample(std::span<const Label> labels, const MetricValue& value) {
    using Json = nlohmann::ordered_json;
    Json attributes = Json::object();
    for (const Label& label : labels) {
        attributes[std::string(label.name)] = label.value;
    }
    out_ += name_;
    out_ += " = ";
    value.append_to(out_);
    out_ += ' ';
    out_ += attributes.dump(-1, ' ', true, Json::error_handler_t::replace);
    out_ += " # ";
    out_ += help_;
    out_ += '\n';
}

} // namespace wattvisor
