// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/push_counts.hpp"

#include "common/export/metric_table.hpp"

namespace wattvisor {
namespace {

struct CountFamily {
    const MetricInfo& metric;
    std::uint64_t PushCounts::*value;
};

constexpr CountFamily kFamilies[] = {
    {metric("wattvisor_push_sent_total"), &PushCounts::sent},
    {metric("wattvisor_push_dropped_total"), &PushCounts::dropped},
    {metric("wattvisor_push_failures_total"), &PushCounts::failures},
};

} // namespace

void PushStatistics::write(MetricSink& sink) const {
    for (const CountFamily& family : kFamilies) {
        sink.family(family.metric);
        for (const auto& [exporter, counts] : counts_) {
            const Label label{"exporter", exporter};
            sink.sample({&label, 1}, MetricValue::integer(counts.*family.value));
        }
    }
}

} // namespace wattvisor
