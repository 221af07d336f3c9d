// SPDX-License-Identifier: Apache-2.0
#include "host-agent/published_zones.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <set>

namespace wattvisor::host {

namespace {

// A published counter is a total of 64 bits and never wraps in a machine's life. The largest value
// that readers with signed numbers understand.
constexpr auto kRange = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

constexpr std::array kSubzones{std::pair{ZoneKind::core, "core"},
                               std::pair{ZoneKind::uncore, "uncore"},
                               std::pair{ZoneKind::dram, "dram"}};

// The host's zones of a kind: of all sockets, or of one.
std::vector<std::size_t> find_sources(const std::vector<ZoneAccount>& host_zones, ZoneKind kind,
                                      const std::set<unsigned>& sockets) {
    std::vector<std::size_t> sources;
    for (std::size_t i = 0; i < host_zones.size(); ++i) {
        if (host_zones[i].zone.kind == kind && sockets.contains(host_zones[i].zone.socket)) {
            sources.push_back(i);
        }
    }
    return sources;
}

// One package and what lies below it.
void publish_package(const std::vector<ZoneAccount>& host_zones, const std::set<unsigned>& sockets,
                     unsigned number, std::vector<PublishedZone>& published) {
    const std::string id = fmt::format("intel-rapl:{}", number);
    published.push_back(
        {Zone{id, fmt::format("package-{}", number), ZoneKind::package, number, kRange},
         find_sources(host_zones, ZoneKind::package, sockets), false});
    unsigned subzone = 0;
    for (const auto& [kind, name] : kSubzones) {
        auto sources = find_sources(host_zones, kind, sockets);
        if (sources.empty()) {
            continue;
        }
        published.push_back({Zone{fmt::format("{}:{}", id, subzone), name, kind, number, kRange},
                             std::move(sources), false});
        ++subzone;
    }
}

} // namespace

std::vector<PublishedZone> publish_zones(const std::vector<ZoneAccount>& host_zones,
                                         ShareLayout layout) {
    std::set<unsigned> sockets;
    for (const ZoneAccount& account : host_zones) {
        if (account.zone.kind == ZoneKind::package) {
            sockets.insert(account.zone.socket);
        }
    }
    std::vector<PublishedZone> published;
    if (sockets.empty()) {
        return published;
    }
    if (layout == ShareLayout::merged) {
        publish_package(host_zones, sockets, 0, published);
    } else {
        for (const unsigned socket : sockets) {
            publish_package(host_zones, {socket}, socket, published);
        }
    }
    std::set<ZoneKind> seen;
    for (PublishedZone& zone : published) {
        zone.has_carried = seen.insert(zone.zone.kind).second;
    }
    return published;
}

std::uint64_t published_energy_uj(const PublishedZone& zone, const ConsumerAccount& vm) {
    std::uint64_t sum = 0;
    for (const std::size_t source : zone.sources) {
        sum += vm.total_uj[source];
    }
    // Other hosts have other sockets: what they charged is all on the first.
    return zone.has_carried ? sum + vm.carried[zone.zone.kind] : sum;
}

} // namespace wattvisor::host
