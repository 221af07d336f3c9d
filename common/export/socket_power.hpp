// SPDX-License-Identifier: Apache-2.0
// Zones as Scaphandre shows them: sockets, and the domains (parts) of each. Processors of several
// dies have more than one zone per socket and kind; they are added up. Pure functions on a
// snapshot.
#pragma once

#include "common/accounting/snapshot.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace wattvisor {

struct SocketPower {
    std::uint64_t energy_uj = 0;
    std::optional<std::uint64_t> power_uw; // absent where that of a part is
    bool exists = false;
};

// Of the listed zones of one socket and kind.
[[nodiscard]] SocketPower power_of(const Snapshot& snapshot, unsigned socket, ZoneKind kind);

// The sockets that have a listed package, ascending.
[[nodiscard]] std::vector<unsigned> sockets_of(const Snapshot& snapshot);

} // namespace wattvisor
