// SPDX-License-Identifier: Apache-2.0
// Wattvisor's own metrics, after https://prometheus.io/docs/practices/naming/: base units, _total
// on counters, and what describes a thing on one info metric instead of on each of its series.
#include "common/export/label_list.hpp"
#include "common/export/metric_table.hpp"
#include "common/export/metrics.hpp"

namespace wattvisor {
namespace {

MetricValue seconds(std::chrono::nanoseconds duration) {
    return MetricValue::real(std::chrono::duration<double>(duration).count());
}

void write_build(const Snapshot& snapshot, const MetricOptions& options, MetricSink& sink) {
    sink.family(metric("wattvisor_build_info"));
    const Label version{"version", options.version};
    sink.sample({&version, 1}, MetricValue::integer(1));

    sink.family(metric("wattvisor_epoch_info"));
    const Label epoch{"epoch", snapshot.epoch};
    sink.sample({&epoch, 1}, MetricValue::integer(1));

    // A guest repeats here what its host says, so that both views can be laid side by side.
    if (!snapshot.source_epoch.empty()) {
        sink.family(metric("wattvisor_source_info"));
        const Label source{"epoch", snapshot.source_epoch};
        sink.sample({&source, 1}, MetricValue::integer(1));
        sink.single(metric("wattvisor_source_sequence"),
                    MetricValue::integer(snapshot.source_sequence));
    }
}

const char* policy_name(Policy policy) {
    switch (policy) {
    case Policy::capacity:
        return "capacity";
    case Policy::static_floor:
        return "static";
    case Policy::active:
        break;
    }
    return "active";
}

// How energy is attributed here.
void write_method(const Snapshot& snapshot, MetricSink& sink) {
    if (snapshot.time_source.empty()) {
        return; // nothing was measured yet
    }
    sink.family(metric("wattvisor_attribution_info"));
    LabelList labels;
    labels.add("policy", policy_name(snapshot.policy));
    labels.add("cpu_time", snapshot.time_source);
    labels.add("sees_ends", snapshot.sees_ends ? "true" : "false");
    sink.sample(labels.view(), MetricValue::integer(1));
    sink.single(metric("wattvisor_lost_ends_total"), MetricValue::integer(snapshot.lost_ends));
}

void write_health(const Snapshot& snapshot, const MetricOptions& options, MetricSink& sink) {
    sink.single(metric("wattvisor_source_up"), MetricValue::flag(snapshot.source_up));
    sink.single(metric("wattvisor_estimated"), MetricValue::flag(snapshot.estimated));
    sink.single(metric("wattvisor_snapshot_sequence"), MetricValue::integer(snapshot.sequence));
    if (options.snapshot_age) {
        sink.single(metric("wattvisor_snapshot_age_seconds"), seconds(*options.snapshot_age));
    }
    sink.single(metric("wattvisor_interval_seconds"), seconds(snapshot.interval));
    if (snapshot.measured) {
        sink.single(metric("wattvisor_measured_interval_seconds"), seconds(*snapshot.measured));
    }
    sink.single(metric("wattvisor_ticks_total"), MetricValue::integer(snapshot.ticks));
    sink.single(metric("wattvisor_ticks_skipped_total"),
                MetricValue::integer(snapshot.ticks_skipped));
    sink.single(metric("wattvisor_suspends_total"), MetricValue::integer(snapshot.suspends));
    write_method(snapshot, sink);
    // In microjoules, against the naming rules: it is a check on whole microjoules, not a quantity.
    sink.single(metric("wattvisor_conservation_error_microjoules"),
                MetricValue::integer(snapshot.conservation_error_uj));
}

struct ZoneCounter {
    const MetricInfo& metric;
    std::uint64_t ZoneAccount::*value;
};

constexpr ZoneCounter kZoneEvents[] = {
    {metric("wattvisor_zone_wraps_total"), &ZoneAccount::wraps},
    {metric("wattvisor_zone_resets_total"), &ZoneAccount::resets},
    {metric("wattvisor_zone_jumps_total"), &ZoneAccount::jumps},
};

// total of a zone = consumers + ended + other + idle, to the microjoule
constexpr ZoneCounter kZoneEnergies[] = {
    {metric("wattvisor_other_energy_joules_total"), &ZoneAccount::other_uj},
    {metric("wattvisor_idle_energy_joules_total"), &ZoneAccount::idle_uj},
    // Beside the total, not in it.
    {metric("wattvisor_unmetered_energy_joules_total"), &ZoneAccount::unmetered_uj},
    // Not a counter: what a virtual machine used is taken out of it when the machine comes back.
    {metric("wattvisor_ended_energy_joules"), &ZoneAccount::ended_uj},
};

void write_zone_energy(const Snapshot& snapshot, const ZoneCounter& energy, MetricSink& sink) {
    sink.family(energy.metric);
    for (const ZoneAccount& account : snapshot.zones) {
        LabelList labels;
        labels.add_name("zone", account.zone.id);
        labels.add_name("zone_name", account.zone.name);
        sink.sample(labels.view(), MetricValue::joules(account.*energy.value));
    }
}

void write_zones(const Snapshot& snapshot, MetricSink& sink) {
    sink.family(metric("wattvisor_zone_up"));
    for (const ZoneAccount& account : snapshot.zones) {
        const Label zone{"zone", account.zone.id};
        sink.sample({&zone, 1}, MetricValue::flag(account.readable));
    }
    sink.family(metric("wattvisor_zone_energy_joules_total"));
    for (const ZoneAccount& account : snapshot.zones) {
        const NumberText socket(account.zone.socket);
        LabelList labels;
        labels.add_name("zone", account.zone.id);
        labels.add_name("zone_name", account.zone.name);
        labels.add("socket", socket.view());
        sink.sample(labels.view(), MetricValue::joules(account.total_uj));
    }
    sink.family(metric("wattvisor_zone_reading_joules"));
    for (const ZoneAccount& account : snapshot.zones) {
        if (account.readable) {
            const Label zone{"zone", account.zone.id};
            sink.sample({&zone, 1}, MetricValue::joules(account.counter_uj));
        }
    }
}

void write_floors(const Snapshot& snapshot, MetricSink& sink) {
    sink.family(metric("wattvisor_zone_floor_watts"));
    for (const ZoneAccount& account : snapshot.zones) {
        if (account.floor_uw) {
            const Label zone{"zone", account.zone.id};
            sink.sample({&zone, 1}, MetricValue::watts(*account.floor_uw));
        }
    }
}

void write_zone_counters(const Snapshot& snapshot, MetricSink& sink) {
    for (const ZoneCounter& counter : kZoneEvents) {
        sink.family(counter.metric);
        for (const ZoneAccount& account : snapshot.zones) {
            const Label zone{"zone", account.zone.id};
            sink.sample({&zone, 1}, MetricValue::integer(account.*counter.value));
        }
    }
    for (const ZoneCounter& counter : kZoneEnergies) {
        write_zone_energy(snapshot, counter, sink);
    }
}

template <typename Visit>
void for_each_of(const Snapshot& snapshot, ConsumerKind kind, const Visit& visit) {
    for (const ConsumerAccount& account : snapshot.consumers) {
        if (account.consumer->kind == kind) {
            visit(account, *account.consumer);
        }
    }
}

void write_vm_info(const Snapshot& snapshot, MetricSink& sink) {
    sink.family(metric("wattvisor_vm_info"));
    for_each_of(snapshot, ConsumerKind::vm, [&](const ConsumerAccount&, const Consumer& vm) {
        LabelList labels;
        labels.add_name("uuid", vm.key);
        labels.add_name("name", vm.name);
        labels.add_name("title", vm.title);
        labels.add("enrolled", vm.enrolled ? "true" : "false");
        sink.sample(labels.view(), MetricValue::integer(1));
    });
}

void write_vm_energy(const Snapshot& snapshot, MetricSink& sink) {
    sink.family(metric("wattvisor_vm_energy_joules_total"));
    for_each_of(
        snapshot, ConsumerKind::vm, [&](const ConsumerAccount& account, const Consumer& vm) {
            for (std::size_t i = 0; i < snapshot.zones.size() && i < account.total_uj.size(); ++i) {
                const Zone& zone = snapshot.zones[i].zone;
                LabelList labels;
                labels.add_name("uuid", vm.key);
                labels.add_name("zone", zone.id);
                labels.add_name("zone_name", zone.name);
                sink.sample(labels.view(), MetricValue::joules(account.total_uj[i]));
            }
        });
}

void write_vm_carried(const Snapshot& snapshot, MetricSink& sink) {
    sink.family(metric("wattvisor_vm_carried_energy_joules"));
    for_each_of(snapshot, ConsumerKind::vm,
                [&](const ConsumerAccount& account, const Consumer& vm) {
                    for (const ZoneKind kind : kCarriedKinds) {
                        if (account.carried[kind] > 0) {
                            LabelList labels;
                            labels.add_name("uuid", vm.key);
                            labels.add("kind", zone_kind_name(kind));
                            sink.sample(labels.view(), MetricValue::joules(account.carried[kind]));
                        }
                    }
                });
}

template <typename Value>
void write_components(const Snapshot& snapshot, MetricSink& sink, const Value& value) {
    for_each_of(
        snapshot, ConsumerKind::vm, [&](const ConsumerAccount& account, const Consumer& vm) {
            for (const Component component : kAllComponents) {
                if (account.components) {
                    LabelList labels;
                    labels.add_name("uuid", vm.key);
                    labels.add("component", component_name(component));
                    sink.sample(labels.view(), value(*account.components, index_of(component)));
                }
            }
        });
}

void write_vm_components(const Snapshot& snapshot, MetricSink& sink) {
    sink.family(metric("wattvisor_vm_component_energy_joules_total"));
    write_components(snapshot, sink, [](const ComponentEnergy& energy, std::size_t component) {
        return MetricValue::joules(energy.total_uj()[component]);
    });
    sink.family(metric("wattvisor_vm_component_cpu_seconds_total"));
    write_components(snapshot, sink, [](const ComponentEnergy& energy, std::size_t component) {
        return MetricValue::decimal(
            static_cast<std::uint64_t>(energy.cpu_time()[component].count()), 9);
    });
}

void write_vms(const Snapshot& snapshot, MetricSink& sink) {
    write_vm_info(snapshot, sink);
    write_vm_energy(snapshot, sink);
    write_vm_carried(snapshot, sink);
    write_vm_components(snapshot, sink);
    sink.family(metric("wattvisor_vm_power_watts"));
    for_each_of(snapshot, ConsumerKind::vm,
                [&](const ConsumerAccount& account, const Consumer& vm) {
                    if (snapshot.source_up && account.power_uw) {
                        const Label uuid{"uuid", vm.key};
                        sink.sample({&uuid, 1}, MetricValue::watts(*account.power_uw));
                    }
                });
    sink.family(metric("wattvisor_vm_cpu_seconds_total"));
    for_each_of(
        snapshot, ConsumerKind::vm, [&](const ConsumerAccount& account, const Consumer& vm) {
            const Label uuid{"uuid", vm.key};
            sink.sample({&uuid, 1}, MetricValue::decimal(
                                        static_cast<std::uint64_t>(account.cpu_time.count()), 9));
        });
}

// Only zones that lie side by side, so that a sum over a process' series is its energy.
void write_processes(const Snapshot& snapshot, const MetricOptions& options, MetricSink& sink) {
    sink.family(metric("wattvisor_process_energy_joules_total"));
    for (std::size_t p = 0; p < snapshot.consumers.size(); ++p) {
        const Consumer& process = *snapshot.consumers[p].consumer;
        if (process.kind != ConsumerKind::process || is_replaced(snapshot, p)) {
            continue;
        }
        const ConsumerAccount& account = snapshot.consumers[p];
        const NumberText pid(static_cast<std::uint64_t>(process.pid));
        LabelList labels;
        add_process_labels(labels, process, pid, options);
        for (std::size_t i = 0; i < snapshot.zones.size() && i < account.total_uj.size(); ++i) {
            const Zone& zone = snapshot.zones[i].zone;
            if (!counts_in_total(zone.kind)) {
                continue;
            }
            const std::size_t shared = labels.size();
            labels.add_name("zone", zone.id);
            labels.add_name("zone_name", zone.name);
            sink.sample(labels.view(), MetricValue::joules(account.total_uj[i]));
            labels.cut(shared);
        }
    }
}

LabelList unit_labels(const GroupAccount& unit) {
    LabelList labels;
    labels.add_name("unit", unit.name);
    return labels;
}

LabelList container_group_labels(const GroupAccount& account) {
    const Container& container = *account.container;
    LabelList labels;
    labels.add_name("container_id", container.id);
    labels.add_name("container_names", container.name);
    labels.add_name("container_runtime", container.runtime);
    labels.add_name("systemd_unit", container.owner);
    return labels;
}

template <typename Labels>
void write_groups(const std::vector<GroupAccount>& groups, const MetricInfo& energy,
                  const MetricInfo& power, const Labels& labels, MetricSink& sink) {
    sink.family(energy);
    for (const GroupAccount& group : groups) {
        sink.sample(labels(group).view(), MetricValue::joules(group.total_uj));
    }
    sink.family(power);
    for (const GroupAccount& group : groups) {
        if (group.power_uw) {
            sink.sample(labels(group).view(), MetricValue::watts(*group.power_uw));
        }
    }
}

} // namespace

void write_wattvisor_metrics(const Snapshot& snapshot, const MetricOptions& options,
                             MetricSink& sink) {
    write_build(snapshot, options, sink);
    write_health(snapshot, options, sink);
    write_zones(snapshot, sink);
    write_zone_counters(snapshot, sink);
    write_floors(snapshot, sink);
    write_vms(snapshot, sink);
    write_processes(snapshot, options, sink);
    write_groups(snapshot.units, metric("wattvisor_unit_energy_joules_total"),
                 metric("wattvisor_unit_power_watts"), unit_labels, sink);
    write_groups(snapshot.containers, metric("wattvisor_container_energy_joules_total"),
                 metric("wattvisor_container_power_watts"), container_group_labels, sink);
}

} // namespace wattvisor
