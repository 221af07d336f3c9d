// SPDX-License-Identifier: Apache-2.0
// Scaphandre's metrics, to the letter: dashboards and alerts of its users depend on each name.
#include "common/energy/powercap.hpp"
#include "common/export/label_list.hpp"
#include "common/export/metric_table.hpp"
#include "common/export/metrics.hpp"

#include <algorithm>
#include <tuple>
#include <unistd.h>

namespace wattvisor {
namespace {

// A socket, or a domain (a part) of one, as Scaphandre knows them. Processors of several dies have
// more than one zone per socket and name; one series each may exist, so those are added up.
struct Part {
    std::string_view domain_name; // empty for the socket itself
    std::uint64_t domain_id = 0;
    unsigned socket = 0;
    std::uint64_t total_uj = 0;
    std::optional<std::uint64_t> power_uw;
    std::uint64_t records = 0;

    [[nodiscard]] auto identity() const { return std::tie(domain_name, domain_id, socket); }
};

bool is_domain(ZoneKind kind) {
    return kind == ZoneKind::core || kind == ZoneKind::uncore || kind == ZoneKind::dram;
}

// "intel-rapl:0:1" is domain 1.
std::uint64_t last_number(std::string_view zone_id) {
    std::uint64_t value = 0;
    const std::size_t begin = zone_id.find_last_not_of("0123456789") + 1;
    std::from_chars(zone_id.data() + begin, zone_id.data() + zone_id.size(), value);
    return value;
}

// How many readings power can be derived from: Scaphandre keeps records, Wattvisor the last two.
std::uint64_t records_of(const ZoneAccount& account) {
    if (account.power_uw) {
        return 2;
    }
    return account.readable ? 1 : 0;
}

Part part_of(const ZoneAccount& account) {
    Part part{{}, 0, account.zone.socket, account.total_uj, account.power_uw, records_of(account)};
    if (is_domain(account.zone.kind)) {
        part.domain_name = account.zone.name;
        part.domain_id = last_number(account.zone.id);
    }
    return part;
}

void add_part(std::vector<Part>& parts, const Part& part) {
    const auto same = std::find_if(parts.begin(), parts.end(), [&](const Part& other) {
        return other.identity() == part.identity();
    });
    if (same == parts.end()) {
        parts.push_back(part);
        return;
    }
    same->total_uj += part.total_uj;
    // A sum with a part missing would be a wrong number that looks right.
    same->power_uw = same->power_uw && part.power_uw
                         ? std::optional(*same->power_uw + *part.power_uw)
                         : std::nullopt;
    same->records = std::min(same->records, part.records);
}

struct Parts {
    std::vector<Part> sockets;
    std::vector<Part> domains;
};

Parts collect_parts(const Snapshot& snapshot) {
    Parts parts;
    for (const ZoneAccount& account : snapshot.zones) {
        if (account.zone.kind == ZoneKind::package) {
            add_part(parts.sockets, part_of(account));
        } else if (is_domain(account.zone.kind)) {
            add_part(parts.domains, part_of(account));
        }
    }
    return parts;
}

void write_host(const Snapshot& snapshot, MetricSink& sink) {
    if (const auto power = snapshot.power_uw(); snapshot.source_up && power) {
        sink.single(metric("scaph_host_power_microwatts"), MetricValue::integer(*power));
    }
    if (snapshot.zones.empty()) {
        return;
    }
    sink.single(metric("scaph_host_energy_microjoules"),
                MetricValue::integer(snapshot.energy_uj()));
    const auto time =
        std::chrono::duration_cast<std::chrono::milliseconds>(snapshot.wall.time_since_epoch());
    if (time.count() > 0) {
        sink.single(metric("scaph_host_energy_timestamp_seconds"),
                    MetricValue::decimal(static_cast<std::uint64_t>(time.count()), 3));
    }
}

void write_sockets(const Snapshot& snapshot, const std::vector<Part>& sockets, MetricSink& sink) {
    sink.family(metric("scaph_socket_power_microwatts"));
    for (const Part& part : sockets) {
        if (snapshot.source_up && part.power_uw) {
            const NumberText socket(part.socket);
            const Label label{"socket_id", socket.view()};
            sink.sample({&label, 1}, MetricValue::integer(*part.power_uw));
        }
    }
    sink.family(metric("scaph_socket_energy_microjoules"));
    for (const Part& part : sockets) {
        const NumberText socket(part.socket);
        const Label label{"socket_id", socket.view()};
        sink.sample({&label, 1}, MetricValue::integer(part.total_uj));
    }
}

void write_domain(const Part& part, std::uint64_t value, MetricSink& sink) {
    const NumberText id(part.domain_id);
    const NumberText socket(part.socket);
    LabelList labels;
    labels.add_name("domain_name", part.domain_name);
    labels.add("domain_id", id.view());
    labels.add("socket_id", socket.view());
    sink.sample(labels.view(), MetricValue::integer(value));
}

void write_domains(const Snapshot& snapshot, const std::vector<Part>& domains, MetricSink& sink) {
    sink.family(metric("scaph_domain_power_microwatts"));
    for (const Part& part : domains) {
        if (snapshot.source_up && part.power_uw) {
            write_domain(part, *part.power_uw, sink);
        }
    }
    sink.family(metric("scaph_domain_energy_microjoules"));
    for (const Part& part : domains) {
        write_domain(part, part.total_uj, sink);
    }
}

void write_self(const MetricOptions& options, const SelfStats& self, MetricSink& sink) {
    sink.single(metric("scaph_self_version"), version_value(options.version));
    if (self.cpu_percent) {
        sink.single(metric("scaph_self_cpu_usage_percent"), MetricValue::real(*self.cpu_percent));
    }
    if (self.memory) {
        static const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        sink.single(metric("scaph_self_memory_bytes"),
                    MetricValue::integer(self.memory->resident * page_bytes));
        sink.single(metric("scaph_self_memory_virtual_bytes"),
                    MetricValue::integer(self.memory->total * page_bytes));
        sink.single(metric("scaph_self_mem_total_program_size"),
                    MetricValue::integer(self.memory->total));
        sink.single(metric("scaph_self_mem_resident_set_size"),
                    MetricValue::integer(self.memory->resident));
        sink.single(metric("scaph_self_mem_shared_resident_size"),
                    MetricValue::integer(self.memory->shared));
    }
}

// What the MMIO counters show, as they show it: they wrap.
void write_mmio(const Snapshot& snapshot, MetricSink& sink) {
    std::vector<RepeatedCounter> counters = snapshot.repeated;
    for (const ZoneAccount& account : snapshot.zones) {
        // Where there is no other way to the register, its energy is in the other metrics too.
        if (account.readable && is_mmio_zone(account.zone)) {
            counters.push_back({account.zone, account.counter_uj});
        }
    }
    Parts parts;
    for (const RepeatedCounter& counter : counters) {
        Part part{{}, 0, counter.zone.socket, counter.counter_uj, std::nullopt, 0};
        if (counter.zone.kind == ZoneKind::package) {
            add_part(parts.sockets, part);
        } else if (is_domain(counter.zone.kind)) {
            part.domain_name = counter.zone.name; // which lives as long as `counters`
            part.domain_id = last_number(counter.zone.id);
            add_part(parts.domains, part);
        }
    }
    sink.family(metric("scaph_socket_rapl_mmio_energy_microjoules"));
    for (const Part& part : parts.sockets) {
        const NumberText socket(part.socket);
        const Label label{"socket_id", socket.view()};
        sink.sample({&label, 1}, MetricValue::integer(part.total_uj));
    }
    sink.family(metric("scaph_domain_rapl_mmio_energy_microjoules"));
    for (const Part& part : parts.domains) {
        write_domain(part, part.total_uj, sink);
    }
}

void write_socket_records(const std::vector<Part>& sockets, std::uint64_t cpu_samples,
                          MetricSink& sink) {
    sink.family(metric("scaph_self_socket_stats_nb"));
    for (const Part& part : sockets) {
        const NumberText socket(part.socket);
        const Label label{"socket_id", socket.view()};
        sink.sample({&label, 1}, MetricValue::integer(cpu_samples));
    }
    sink.family(metric("scaph_self_socket_records_nb"));
    for (const Part& part : sockets) {
        const NumberText socket(part.socket);
        const Label label{"socket_id", socket.view()};
        sink.sample({&label, 1}, MetricValue::integer(part.records));
    }
}

// What is kept to measure with: the last sample, and the one before once there was one.
void write_records(const Snapshot& snapshot, const Parts& parts, MetricSink& sink) {
    const std::uint64_t first = snapshot.sequence > 0 ? 1 : 0;
    const std::uint64_t samples = first + (snapshot.measured ? 1 : 0);
    const std::uint64_t records = snapshot.source_up && snapshot.power_uw() ? 2 : first;
    sink.single(metric("scaph_self_topo_stats_nb"), MetricValue::integer(samples));
    sink.single(metric("scaph_self_topo_records_nb"), MetricValue::integer(records));
    sink.single(metric("scaph_self_topo_procs_nb"),
                MetricValue::integer(snapshot.consumers.size()));
    write_socket_records(parts.sockets, samples, sink);
    sink.family(metric("scaph_self_domain_records_nb"));
    for (std::size_t i = 0; i < parts.domains.size(); ++i) {
        const Part& part = parts.domains[i];
        const auto same_labels = [&](const Part& other) {
            return other.socket == part.socket && other.domain_name == part.domain_name;
        };
        // These labels lack the id: of domains that share a name on a socket the first one speaks.
        const auto end = parts.domains.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::any_of(parts.domains.begin(), end, same_labels)) {
            continue;
        }
        const NumberText socket(part.socket);
        LabelList labels;
        labels.add("socket_id", socket.view());
        labels.add_name("rapl_domain_name", part.domain_name);
        sink.sample(labels.view(), MetricValue::integer(part.records));
    }
}

} // namespace

MetricValue version_value(std::string_view version) {
    std::uint64_t digits = 0;
    unsigned decimals = 0;
    bool behind_point = false;
    for (const char c : version) {
        if (c == '.') {
            behind_point = true;
        } else if (c >= '0' && c <= '9' && decimals < 9) {
            digits = digits * 10 + static_cast<std::uint64_t>(c - '0');
            decimals += behind_point ? 1 : 0;
        } else {
            break; // "-rc1" and the like
        }
    }
    return MetricValue::decimal(digits, decimals);
}

void write_scaph_metrics(const Snapshot& snapshot, const MetricOptions& options,
                         const SelfStats& self, MetricSink& sink, const HostStats& host) {
    const Parts parts = collect_parts(snapshot);
    write_host(snapshot, sink);
    write_sockets(snapshot, parts.sockets, sink);
    write_domains(snapshot, parts.domains, sink);
    write_mmio(snapshot, sink);
    write_scaph_processes(snapshot, options, host, sink);
    write_scaph_machine(host, sink);
    write_self(options, self, sink);
    write_records(snapshot, parts, sink);
}

} // namespace wattvisor
