// SPDX-License-Identifier: Apache-2.0
// Which zones a VM sees, and which zones of the host each of them is the sum of. By default all
// sockets are merged into one package with one core, uncore and dram below it: how many sockets the
// host has is not the guest's business. psys is never shown, since it contains the packages. Pure.
#pragma once

#include "common/accounting/snapshot.hpp"
#include "common/energy/zone.hpp"

#include <cstddef>
#include <vector>

namespace wattvisor::host {

enum class ShareLayout {
    merged,     // one package zone per VM, however many sockets the host has
    per_socket, // one package zone per socket of the host
};

struct PublishedZone {
    Zone zone;                        // as the guest sees it
    std::vector<std::size_t> sources; // indexes of the host's zones
    bool has_carried = false;         // what other hosts charged is in this one of its kind

    friend bool operator==(const PublishedZone&, const PublishedZone&) = default;
};

// In the order of their folders. Empty where the host has no package.
[[nodiscard]] std::vector<PublishedZone> publish_zones(const std::vector<ZoneAccount>& host_zones,
                                                       ShareLayout layout);

// The VM's energy in a zone that it sees.
[[nodiscard]] std::uint64_t published_energy_uj(const PublishedZone& zone,
                                                const ConsumerAccount& vm);

} // namespace wattvisor::host
