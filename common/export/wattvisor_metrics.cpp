// SPDX-License-Identifier: Apache-2.0
// Wattvisor's own metrics, after https://prometheus.io/docs/practices/naming/: base units, _total
// on counters, and what describes a thing on one info metric instead of on each of its series.
#include "common/export/label_list.hpp"
#include "common/export/metrics.hpp"

namespace wattvisor {
namespace {

constexpr auto kGauge = MetricType::gauge;
constexpr auto kCounter = MetricType::counter;

MetricValue seconds(std::chrono::nanoseconds duration) {
    return MetricValue::real(std::chrono::duration<double>(duration).count());
}

void write_build(const Snapshot& snapshot, const MetricOptions& options, MetricSink& sink) {
    sink.family("wattvisor_build_info", "The version of this agent", kGauge);
    const Label version{"version", options.version};
    sink.sample({&version, 1}, MetricValue::integer(1));

    sink.family("wattvisor_epoch_info", "Names the run of the agent that measured this", kGauge);
    const Label epoch{"epoch", snapshot.epoch};
    sink.sample({&epoch, 1}, MetricValue::integer(1));

    // A guest repeats here what its host says, so that both views can be laid side by side.
    if (!snapshot.source_epoch.empty()) {
        sink.family("wattvisor_source_info", "Names the run of whoever read the counters", kGauge);
        const Label source{"epoch", snapshot.source_epoch};
        sink.sample({&source, 1}, MetricValue::integer(1));
        sink.single("wattvisor_source_sequence", "Number of the measurement in that run", kGauge,
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
    sink.family("wattvisor_attribution_info",
                "By which policy energy is split, where CPU times come from (clock or bpf), and "
                "whether the last instants of ended processes are known",
                kGauge);
    LabelList labels;
    labels.add("policy", policy_name(snapshot.policy));
    labels.add("cpu_time", snapshot.time_source);
    labels.add("sees_ends", snapshot.sees_ends ? "true" : "false");
    sink.sample(labels.view(), MetricValue::integer(1));
    sink.single("wattvisor_lost_ends_total",
                "Ended processes whose last CPU time could not be told; it is charged to other",
                kCounter, MetricValue::integer(snapshot.lost_ends));
}

void write_health(const Snapshot& snapshot, const MetricOptions& options, MetricSink& sink) {
    sink.single("wattvisor_source_up",
                "1 while energy arrives; while it is 0 there is no power, and counters stand still",
                kGauge, MetricValue::flag(snapshot.source_up));
    sink.single("wattvisor_estimated", "1 if energy comes from a model instead of a counter",
                kGauge, MetricValue::flag(snapshot.estimated));
    sink.single("wattvisor_snapshot_sequence", "Number of the measurement in this run", kGauge,
                MetricValue::integer(snapshot.sequence));
    if (options.snapshot_age) {
        sink.single("wattvisor_snapshot_age_seconds", "Time since the measurement was taken",
                    kGauge, seconds(*options.snapshot_age));
    }
    sink.single("wattvisor_interval_seconds", "Configured time between measurements", kGauge,
                seconds(snapshot.interval));
    if (snapshot.measured) {
        sink.single("wattvisor_measured_interval_seconds",
                    "Time that really passed between the last two measurements; power is derived "
                    "from it",
                    kGauge, seconds(*snapshot.measured));
    }
    sink.single("wattvisor_ticks_total", "Ticks of the timer that were taken", kCounter,
                MetricValue::integer(snapshot.ticks));
    sink.single("wattvisor_ticks_skipped_total", "Ticks left out because they were late", kCounter,
                MetricValue::integer(snapshot.ticks_skipped));
    sink.single("wattvisor_suspends_total", "How often the machine slept while the agent ran",
                kCounter, MetricValue::integer(snapshot.suspends));
    write_method(snapshot, sink);
    // In microjoules, against the naming rules: it is a check on whole microjoules, not a quantity.
    sink.single("wattvisor_conservation_error_microjoules",
                "Energy of the zones that is charged to nobody or twice; anything but 0 is a bug",
                kGauge, MetricValue::integer(snapshot.conservation_error_uj));
}

struct ZoneCounter {
    std::string_view name;
    std::string_view help;
    std::uint64_t ZoneAccount::*value;
};

constexpr ZoneCounter kZoneEvents[] = {
    {"wattvisor_zone_wraps_total", "How often the counter began again at 0 after its largest value",
     &ZoneAccount::wraps},
    {"wattvisor_zone_resets_total", "How often the counter was reset; nothing was charged then",
     &ZoneAccount::resets},
    {"wattvisor_zone_jumps_total",
     "How often the counter leapt by more than a zone can use; nothing was charged then",
     &ZoneAccount::jumps},
};

// total of a zone = consumers + ended + other + idle, to the microjoule
constexpr ZoneCounter kZoneEnergies[] = {
    {"wattvisor_other_energy_joules_total", "Energy of the zone charged to what is no consumer",
     &ZoneAccount::other_uj},
    {"wattvisor_idle_energy_joules_total", "Energy of the zone charged to an idle machine",
     &ZoneAccount::idle_uj},
    // Beside the total, not in it.
    {"wattvisor_unmetered_energy_joules_total",
     "Energy of the zone that was used while no agent ran: charged to nobody",
     &ZoneAccount::unmetered_uj},
};

void write_zone_energy(const Snapshot& snapshot, const ZoneCounter& energy, MetricType type,
                       MetricSink& sink) {
    sink.family(energy.name, energy.help, type);
    for (const ZoneAccount& account : snapshot.zones) {
        LabelList labels;
        labels.add_name("zone", account.zone.id);
        labels.add_name("zone_name", account.zone.name);
        sink.sample(labels.view(), MetricValue::joules(account.*energy.value));
    }
}

void write_zones(const Snapshot& snapshot, MetricSink& sink) {
    sink.family("wattvisor_zone_up", "1 if the zone's counter could be read", kGauge);
    for (const ZoneAccount& account : snapshot.zones) {
        const Label zone{"zone", account.zone.id};
        sink.sample({&zone, 1}, MetricValue::flag(account.readable));
    }
    sink.family("wattvisor_zone_energy_joules_total",
                "Energy of the zone. Packages and dram lie side by side; core and uncore are "
                "inside a package, psys contains packages",
                kCounter);
    for (const ZoneAccount& account : snapshot.zones) {
        const NumberText socket(account.zone.socket);
        LabelList labels;
        labels.add_name("zone", account.zone.id);
        labels.add_name("zone_name", account.zone.name);
        labels.add("socket", socket.view());
        sink.sample(labels.view(), MetricValue::joules(account.total_uj));
    }
    sink.family("wattvisor_zone_reading_joules",
                "What the zone's counter showed when it was read; it wraps, and a guest's is the "
                "total that the host has charged it",
                kGauge);
    for (const ZoneAccount& account : snapshot.zones) {
        if (account.readable) {
            const Label zone{"zone", account.zone.id};
            sink.sample({&zone, 1}, MetricValue::joules(account.counter_uj));
        }
    }
}

void write_floors(const Snapshot& snapshot, MetricSink& sink) {
    sink.family("wattvisor_zone_floor_watts",
                "What the policy static takes for the zone's idle power, given or learned", kGauge);
    for (const ZoneAccount& account : snapshot.zones) {
        if (account.floor_uw) {
            const Label zone{"zone", account.zone.id};
            sink.sample({&zone, 1}, MetricValue::watts(*account.floor_uw));
        }
    }
}

void write_zone_counters(const Snapshot& snapshot, MetricSink& sink) {
    for (const ZoneCounter& counter : kZoneEvents) {
        sink.family(counter.name, counter.help, kCounter);
        for (const ZoneAccount& account : snapshot.zones) {
            const Label zone{"zone", account.zone.id};
            sink.sample({&zone, 1}, MetricValue::integer(account.*counter.value));
        }
    }
    for (const ZoneCounter& counter : kZoneEnergies) {
        write_zone_energy(snapshot, counter, kCounter, sink);
    }
    // Not a counter: what a virtual machine used is taken out of it when the machine comes back.
    write_zone_energy(snapshot,
                      {"wattvisor_ended_energy_joules",
                       "Energy of the zone charged to consumers that are no longer listed",
                       &ZoneAccount::ended_uj},
                      kGauge, sink);
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
    sink.family("wattvisor_vm_info", "What a virtual machine is called, and whether it has a share",
                kGauge);
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
    sink.family("wattvisor_vm_energy_joules_total",
                "Energy charged to the virtual machine, of each zone. Add up packages and dram "
                "only: core and uncore are inside a package",
                kCounter);
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
    sink.family("wattvisor_vm_carried_energy_joules",
                "Energy that other hosts charged the virtual machine before it came here, by kind "
                "of zone; not in its energy on this host",
                kGauge);
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
    sink.family("wattvisor_vm_component_energy_joules_total",
                "Energy of the virtual machine by what used it since this agent runs, packages and "
                "dram; renewed every minute",
                kCounter);
    write_components(snapshot, sink, [](const ComponentEnergy& energy, std::size_t component) {
        return MetricValue::joules(energy.total_uj()[component]);
    });
    sink.family("wattvisor_vm_component_cpu_seconds_total",
                "CPU time of the virtual machine by what used it; renewed every minute", kCounter);
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
    sink.family("wattvisor_vm_power_watts",
                "Power of the virtual machine over the last measured interval", kGauge);
    for_each_of(snapshot, ConsumerKind::vm,
                [&](const ConsumerAccount& account, const Consumer& vm) {
                    if (snapshot.source_up && account.power_uw) {
                        const Label uuid{"uuid", vm.key};
                        sink.sample({&uuid, 1}, MetricValue::watts(*account.power_uw));
                    }
                });
    sink.family("wattvisor_vm_cpu_seconds_total",
                "CPU time of all that runs for the virtual machine since the agent watches it",
                kCounter);
    for_each_of(
        snapshot, ConsumerKind::vm, [&](const ConsumerAccount& account, const Consumer& vm) {
            const Label uuid{"uuid", vm.key};
            sink.sample({&uuid, 1}, MetricValue::decimal(
                                        static_cast<std::uint64_t>(account.cpu_time.count()), 9));
        });
}

// Only zones that lie side by side, so that a sum over a process' series is its energy.
void write_processes(const Snapshot& snapshot, const MetricOptions& options, MetricSink& sink) {
    sink.family("wattvisor_process_energy_joules_total", "Energy charged to the process", kCounter);
    for_each_of(snapshot, ConsumerKind::process,
                [&](const ConsumerAccount& account, const Consumer& process) {
                    const NumberText pid(static_cast<std::uint64_t>(process.pid));
                    LabelList labels;
                    add_process_labels(labels, process, pid, options.cmdline_limit);
                    for (std::size_t i = 0;
                         i < snapshot.zones.size() && i < account.total_uj.size(); ++i) {
                        const Zone& zone = snapshot.zones[i].zone;
                        if (!counts_in_total(zone.kind)) {
                            continue;
                        }
                        LabelList all = labels;
                        all.add_name("zone", zone.id);
                        all.add_name("zone_name", zone.name);
                        sink.sample(all.view(), MetricValue::joules(account.total_uj[i]));
                    }
                });
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
}

} // namespace wattvisor
