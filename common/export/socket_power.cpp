// SPDX-License-Identifier: Apache-2.0
#include "common/export/socket_power.hpp"

#include <algorithm>

namespace wattvisor {

namespace {

void add(const ZoneAccount& account, SocketPower& sum) {
    sum.energy_uj += account.total_uj;
    if (!sum.exists) {
        sum.power_uw = account.power_uw;
    } else if (sum.power_uw && account.power_uw) {
        *sum.power_uw += *account.power_uw;
    } else {
        sum.power_uw.reset(); // a sum with a part missing would be wrong
    }
    sum.exists = true;
}

} // namespace

SocketPower power_of(const Snapshot& snapshot, unsigned socket, ZoneKind kind) {
    SocketPower sum;
    for (const ZoneAccount& account : snapshot.zones) {
        if (account.listed && account.zone.socket == socket && account.zone.kind == kind) {
            add(account, sum);
        }
    }
    return sum;
}

std::vector<unsigned> sockets_of(const Snapshot& snapshot) {
    std::vector<unsigned> sockets;
    for (const ZoneAccount& account : snapshot.zones) {
        if (account.listed && account.zone.kind == ZoneKind::package) {
            sockets.push_back(account.zone.socket);
        }
    }
    std::sort(sockets.begin(), sockets.end());
    sockets.erase(std::unique(sockets.begin(), sockets.end()), sockets.end());
    return sockets;
}

} // namespace wattvisor
