// SPDX-License-Identifier: Apache-2.0
// Scaphandre's metrics of the machine beside its energy.
#include "common/export/label_list.hpp"
#include "common/export/metric_table.hpp"
#include "common/export/metrics.hpp"

namespace wattvisor {
namespace {

void write_disks(const std::vector<Disk>& disks, const MetricInfo& family,
                 std::uint64_t Disk::*value, MetricSink& sink) {
    sink.family(family);
    for (const Disk& disk : disks) {
        LabelList labels;
        labels.add_name("disk_name", disk.name);
        labels.add_name("disk_mount_point", disk.mount_point);
        labels.add_name("disk_file_system", disk.file_system);
        labels.add("disk_type", disk.type);
        labels.add("disk_is_removable", disk.removable ? "true" : "false");
        sink.sample(labels.view(), MetricValue::integer(disk.*value));
    }
}

void write_memory(const HostStats::Memory& memory, MetricSink& sink) {
    sink.single(metric("scaph_host_memory_total_bytes"), MetricValue::integer(memory.total));
    sink.single(metric("scaph_host_memory_available_bytes"),
                MetricValue::integer(memory.available));
    sink.single(metric("scaph_host_memory_free_bytes"), MetricValue::integer(memory.free));
    sink.single(metric("scaph_host_swap_total_bytes"), MetricValue::integer(memory.swap_total));
    sink.single(metric("scaph_host_swap_free_bytes"), MetricValue::integer(memory.swap_free));
}

void write_activity(const HostStats::Activity& activity, MetricSink& sink) {
    sink.single(metric("scaph_forks_since_boot_total"), MetricValue::integer(activity.forks));
    sink.single(metric("scaph_processes_running_current"), MetricValue::integer(activity.running));
    sink.single(metric("scaph_processes_blocked_current"), MetricValue::integer(activity.blocked));
    sink.single(metric("scaph_context_switches_total"),
                MetricValue::integer(activity.context_switches));
}

} // namespace

void write_scaph_machine(const HostStats& host, MetricSink& sink) {
    if (host.load) {
        sink.single(metric("scaph_host_load_avg_one"), MetricValue::real(host.load->one));
        sink.single(metric("scaph_host_load_avg_five"), MetricValue::real(host.load->five));
        sink.single(metric("scaph_host_load_avg_fifteen"), MetricValue::real(host.load->fifteen));
    }
    if (host.cpu_mhz) {
        sink.single(metric("scaph_host_cpu_frequency"), MetricValue::real(*host.cpu_mhz));
    }
    write_disks(host.disks, metric("scaph_host_disk_total_bytes"), &Disk::total_bytes, sink);
    write_disks(host.disks, metric("scaph_host_disk_available_bytes"), &Disk::available_bytes,
                sink);
    if (host.memory) {
        write_memory(*host.memory, sink);
    }
    if (host.activity) {
        write_activity(*host.activity, sink);
    }
}

} // namespace wattvisor
