// SPDX-License-Identifier: Apache-2.0
#include "host-agent/host_metrics.hpp"

#include <array>

namespace wattvisor::host {

using std::chrono::steady_clock;

void write_host_metrics(const VmList& vms, steady_clock::time_point last_answer,
                        const std::vector<SharePublisher::Status>& shares, MetricSink& sink) {
    sink.single("wattvisor_libvirt_up", "Whether the connection to libvirt stands.",
                MetricType::gauge, MetricValue::flag(vms.connected));
    if (last_answer != steady_clock::time_point{}) {
        const std::chrono::duration<double> age = steady_clock::now() - last_answer;
        sink.single("wattvisor_libvirt_answer_age_seconds",
                    "Time since libvirt last answered; it grows while libvirt hangs.",
                    MetricType::gauge, MetricValue::real(age.count()));
    }
    sink.single("wattvisor_vms", "Virtual machines that run.", MetricType::gauge,
                MetricValue::integer(vms.vms.size()));
    sink.family("wattvisor_share_up",
                "Whether the energy of an enrolled virtual machine is published to it.",
                MetricType::gauge);
    for (const SharePublisher::Status& share : shares) {
        const std::array labels{Label{"uuid", share.uuid}};
        sink.sample(labels, MetricValue::flag(share.up));
    }
}

} // namespace wattvisor::host
