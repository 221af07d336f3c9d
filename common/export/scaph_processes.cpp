// SPDX-License-Identifier: Apache-2.0
// Scaphandre's metrics of processes, and of virtual machines as the QEMU process that each of them
// is on the host.
#include "common/export/label_list.hpp"
#include "common/export/metric_table.hpp"
#include "common/export/metrics.hpp"

namespace wattvisor {
namespace {

// `value` gives what is known of a consumer, or nothing.
template <typename Value>
void write_family(const Snapshot& snapshot, const MetricOptions& options, const MetricInfo& family,
                  const Value& value, MetricSink& sink) {
    sink.family(family);
    for (std::size_t i = 0; i < snapshot.consumers.size(); ++i) {
        const ConsumerAccount& account = snapshot.consumers[i];
        const Consumer& consumer = *account.consumer;
        const std::optional<MetricValue> known = value(account);
        if (consumer.pid <= 0 || !known || is_replaced(snapshot, i)) {
            continue;
        }
        const NumberText pid(static_cast<std::uint64_t>(consumer.pid));
        LabelList labels;
        add_process_labels(labels, consumer, pid, options);
        sink.sample(labels.view(), *known);
    }
}

struct ResourceMetric {
    const MetricInfo& family;
    std::optional<std::uint64_t> ProcessResources::*value;
};

constexpr ResourceMetric kResources[] = {
    {metric("scaph_process_memory_bytes"), &ProcessResources::memory_bytes},
    {metric("scaph_process_memory_virtual_bytes"), &ProcessResources::virtual_bytes},
    {metric("scaph_process_disk_read_bytes"), &ProcessResources::recent_read_bytes},
    {metric("scaph_process_disk_write_bytes"), &ProcessResources::recent_written_bytes},
    {metric("scaph_process_disk_total_read_bytes"), &ProcessResources::read_bytes},
    {metric("scaph_process_disk_total_write_bytes"), &ProcessResources::written_bytes},
};

bool has_resources(const Snapshot& snapshot) {
    for (const ConsumerAccount& account : snapshot.consumers) {
        if (account.resources) {
            return true;
        }
    }
    return false;
}

} // namespace

void write_scaph_processes(const Snapshot& snapshot, const MetricOptions& options,
                           const HostStats& host, MetricSink& sink) {
    if (snapshot.source_up) {
        write_family(
            snapshot, options, metric("scaph_process_power_consumption_microwatts"),
            [](const ConsumerAccount& account) {
                return account.power_uw ? std::optional(MetricValue::integer(*account.power_uw))
                                        : std::nullopt;
            },
            sink);
    }
    if (host.cpus) {
        const double percent_per_cpu = 100.0 / *host.cpus;
        write_family(
            snapshot, options, metric("scaph_process_cpu_usage_percentage"),
            [percent_per_cpu](const ConsumerAccount& account) {
                return account.cpu_usage
                           ? std::optional(MetricValue::real(*account.cpu_usage * percent_per_cpu))
                           : std::nullopt;
            },
            sink);
    }
    if (!has_resources(snapshot)) {
        return; // not asked for
    }
    for (const ResourceMetric& resource : kResources) {
        write_family(
            snapshot, options, resource.family,
            [&resource](const ConsumerAccount& account) {
                const auto known =
                    account.resources ? (*account.resources).*resource.value : std::nullopt;
                return known ? std::optional(MetricValue::integer(*known)) : std::nullopt;
            },
            sink);
    }
}

} // namespace wattvisor
