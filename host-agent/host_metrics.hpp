// SPDX-License-Identifier: Apache-2.0
// The metrics that only a host has: how libvirt and the shares do. Pure.
#pragma once

#include "common/export/metric_sink.hpp"
#include "host-agent/share_publisher.hpp"
#include "host-agent/vm.hpp"

#include <chrono>
#include <vector>

namespace wattvisor::host {

// `last_answer` is libvirt's, the clock's zero if there was none.
void write_host_metrics(const VmList& vms, std::chrono::steady_clock::time_point last_answer,
                        const std::vector<SharePublisher::Status>& shares, MetricSink& sink);

} // namespace wattvisor::host
