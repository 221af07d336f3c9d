// SPDX-License-Identifier: Apache-2.0
#include "host-agent/host_metrics.hpp"

#include "common/export/metric_table.hpp"

#include <array>

namespace wattvisor::host {

using std::chrono::steady_clock;

void write_host_metrics(const VmList& vms, steady_clock::time_point last_answer,
                        const std::vector<SharePublisher::Status>& shares, MetricSink& sink) {
    sink.single(metric("wattvisor_libvirt_up"), MetricValue::flag(vms.connected));
    if (last_answer != steady_clock::time_point{}) {
        const std::chrono::duration<double> age = steady_clock::now() - last_answer;
        sink.single(metric("wattvisor_libvirt_answer_age_seconds"), MetricValue::real(age.count()));
    }
    sink.single(metric("wattvisor_vms"), MetricValue::integer(vms.vms.size()));
    sink.family(metric("wattvisor_share_up"));
    for (const SharePublisher::Status& share : shares) {
        const std::array labels{Label{"uuid", share.uuid}};
        sink.sample(labels, MetricValue::flag(share.up));
    }
}

} // namespace wattvisor::host
