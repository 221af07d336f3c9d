// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/push_counts.hpp"

namespace wattvisor {
namespace {

struct CountFamily {
    std::string_view name;
    std::string_view help;
    std::uint64_t PushCounts::*value;
};

constexpr CountFamily kFamilies[] = {
    {"wattvisor_push_sent_total", "Values that the exporter's server took", &PushCounts::sent},
    {"wattvisor_push_dropped_total",
     "Values that the exporter's server will never get: it refused them, or was away for too long",
     &PushCounts::dropped},
    {"wattvisor_push_failures_total", "Attempts to send that failed", &PushCounts::failures},
};

} // namespace

void PushStatistics::write(MetricSink& sink) const {
    for (const CountFamily& family : kFamilies) {
        sink.family(family.name, family.help, MetricType::counter);
        for (const auto& [exporter, counts] : counts_) {
            const Label label{"exporter", exporter};
            sink.sample({&label, 1}, MetricValue::integer(counts.*family.value));
        }
    }
}

} // namespace wattvisor
