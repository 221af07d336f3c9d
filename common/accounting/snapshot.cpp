// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/snapshot.hpp"

namespace wattvisor {

std::uint64_t ConsumerAccount::energy_uj(const std::vector<ZoneAccount>& zones) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < zones.size() && i < total_uj.size(); ++i) {
        if (counts_in_total(zones[i].zone.kind)) {
            sum += total_uj[i];
        }
    }
    return sum;
}

std::uint64_t Snapshot::energy_uj() const {
    std::uint64_t sum = 0;
    for (const ZoneAccount& account : zones) {
        if (counts_in_total(account.zone.kind)) {
            sum += account.total_uj;
        }
    }
    return sum;
}

std::optional<std::uint64_t> Snapshot::power_uw() const {
    std::optional<std::uint64_t> sum;
    for (const ZoneAccount& account : zones) {
        if (!counts_in_total(account.zone.kind) || !account.listed) {
            continue;
        }
        // A sum with a part missing would be a wrong number that looks right.
        if (!account.power_uw) {
            return std::nullopt;
        }
        sum = sum.value_or(0) + *account.power_uw;
    }
    return sum;
}

} // namespace wattvisor
