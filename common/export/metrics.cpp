// SPDX-License-Identifier: Apache-2.0
#include "common/export/metrics.hpp"

namespace wattvisor {

void write_metrics(const Snapshot& snapshot, const MetricOptions& options, const SelfStats& self,
                   MetricSink& sink) {
    write_scaph_metrics(snapshot, options, self, sink);
    write_wattvisor_metrics(snapshot, options, sink);
}

std::vector<Family> build_families(const Snapshot& snapshot, const MetricOptions& options,
                                   const SelfStats& self) {
    FamilyCollector collector;
    write_metrics(snapshot, options, self, collector);
    return collector.take();
}

} // namespace wattvisor
