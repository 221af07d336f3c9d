// SPDX-License-Identifier: Apache-2.0
#include "common/export/json_report.hpp"

#include "common/export/consumer_filter.hpp"
#include "common/export/socket_power.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <string_view>

namespace wattvisor {

namespace {

using Json = nlohmann::ordered_json; // keys in the order that Scaphandre has them

struct Domain {
    ZoneKind kind;
    std::string_view name;
};

constexpr std::array<Domain, 3> kDomains{
    {{ZoneKind::core, "core"}, {ZoneKind::dram, "dram"}, {ZoneKind::uncore, "uncore"}}};

template <typename T>
Json or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json();
}

Json or_unknown(const std::string& text) {
    return text.empty() ? "unknown" : text;
}

double seconds(std::chrono::system_clock::time_point time) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
    return static_cast<double>(ms.count()) / 1000;
}

Json disks(const HostStats& host) {
    if (host.disks.empty()) {
        return {};
    }
    Json list = Json::array();
    for (const Disk& disk : host.disks) {
        list.push_back({{"disk_type", disk.type},
                        {"disk_mount_point", disk.mount_point},
                        {"disk_is_removable", disk.removable},
                        {"disk_file_system", disk.file_system},
                        {"disk_total_bytes", disk.total_bytes},
                        {"disk_available_bytes", disk.available_bytes},
                        {"disk_name", disk.name}});
    }
    return list;
}

Json resources(const ConsumerAccount& account, unsigned cpus) {
    const ProcessResources none;
    const ProcessResources& used = account.resources ? *account.resources : none;
    std::optional<double> percent;
    if (account.cpu_usage) {
        percent = 100 * *account.cpu_usage / cpus;
    }
    return {{"cpu_usage", or_null(percent)},
            {"cpu_usage_unit", "%"},
            {"memory_usage", or_null(used.memory_bytes)},
            {"memory_usage_unit", "Bytes"},
            {"memory_virtual_usage", or_null(used.virtual_bytes)},
            {"memory_virtual_usage_unit", "Bytes"},
            {"disk_usage_write", or_null(used.recent_written_bytes)},
            {"disk_usage_write_unit", "Bytes"},
            {"disk_usage_read", or_null(used.recent_read_bytes)},
            {"disk_usage_read_unit", "Bytes"}};
}

Json container(const Container& container) {
    Json result{{"name", or_unknown(container.name)},
                {"id", or_unknown(container.id)},
                {"runtime", or_unknown(container.runtime)},
                {"scheduler", or_unknown(container.scheduler)}};
    if (!container.pod_name.empty()) {
        result["pod_name"] = container.pod_name;
        result["pod_namespace"] = container.pod_namespace;
    }
    return result;
}

Json consumer(const ConsumerAccount& account, const Snapshot& snapshot,
              const JsonReportOptions& options) {
    const Consumer& who = *account.consumer;
    Json result{
        {"exe", who.exe},
        {"cmdline", who.cmdline},
        {"pid", who.pid > 0 ? Json(who.pid) : Json()},
        {"resources_usage", options.resources ? resources(account, options.cpus) : Json()},
        {"consumption", or_null(account.power_uw)},
        {"timestamp", seconds(snapshot.wall)},
        {"container", options.containers && who.container ? container(*who.container) : Json()},
        {"energy_microjoules", account.energy_uj(snapshot.zones)}};
    if (who.kind == ConsumerKind::vm) {
        result["vmname"] = who.name;
        result["uuid"] = who.key;
    }
    return result;
}

Json power_entry(const SocketPower& power, const Snapshot& snapshot) {
    return {{"consumption", snapshot.source_up ? or_null(power.power_uw) : Json()},
            {"timestamp", seconds(snapshot.wall)},
            {"energy_microjoules", power.energy_uj}};
}

Json socket(const Snapshot& snapshot, unsigned id) {
    Json domains = Json::array();
    for (const Domain& domain : kDomains) {
        const SocketPower power = power_of(snapshot, id, domain.kind);
        if (power.exists) {
            Json entry{{"name", domain.name}};
            entry.update(power_entry(power, snapshot));
            domains.push_back(std::move(entry));
        }
    }
    Json entry{{"id", id}};
    entry.update(power_entry(power_of(snapshot, id, ZoneKind::package), snapshot));
    entry["domains"] = std::move(domains);
    return entry;
}

} // namespace

ConsumerFilter consumers_of(const JsonOptions& options) {
    ConsumerFilter filter;
    filter.process = options.process_regex;
    if (!filter.process) {
        filter.container = options.container_regex;
    }
    if (!filter.process && !filter.container) {
        filter.top = options.max_top_consumers;
    }
    return filter;
}

std::string render_json_report(const Snapshot& snapshot, const HostStats& host,
                               const JsonReportOptions& options) {
    Json consumers = Json::array();
    for (const ConsumerAccount* account : biggest_consumers(snapshot, options.filter)) {
        consumers.push_back(consumer(*account, snapshot, options));
    }
    Json sockets = Json::array();
    for (const unsigned id : sockets_of(snapshot)) {
        sockets.push_back(socket(snapshot, id));
    }
    const Json report{{"host",
                       {{"consumption", snapshot.source_up ? or_null(snapshot.power_uw()) : Json()},
                        {"timestamp", seconds(snapshot.wall)},
                        {"components", {{"disks", disks(host)}}},
                        {"energy_microjoules", snapshot.energy_uj()},
                        {"estimated", snapshot.estimated}}},
                      {"consumers", std::move(consumers)},
                      {"sockets", std::move(sockets)}};
    return report.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace wattvisor
