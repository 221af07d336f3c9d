// SPDX-License-Identifier: Apache-2.0
#include "common/export/metrics.hpp"

namespace wattvisor {

void write_metrics(const Snapshot& snapshot, const MetricOptions& options, const SelfStats& self,
                   MetricSink& sink, const HostStats& host) {
    write_scaph_metrics(snapshot, options, self, sink, host);
    write_wattvisor_metrics(snapshot, options, sink);
}

} // namespace wattvisor
