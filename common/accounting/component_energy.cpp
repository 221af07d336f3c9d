// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/component_energy.hpp"

#include "common/accounting/attribution.hpp"

#include <utility>

namespace wattvisor {

void ComponentEnergy::settle(const ComponentTimes& now) {
    std::array<Claim, kComponents> claims;
    for (std::size_t i = 0; i < kComponents; ++i) {
        const auto used = now[i] >= last_[i] ? now[i] - last_[i] : now[i];
        claims[i] = {i, static_cast<std::uint64_t>(used.count()), carry_[i], 0};
        cpu_time_[i] += used;
        last_[i] = now[i];
    }
    if (!split_exactly(waiting_uj_, claims)) {
        return; // nothing ran: what is there waits for the next look
    }
    for (std::size_t i = 0; i < kComponents; ++i) {
        total_uj_[i] += claims[i].energy_uj;
        carry_[i] = claims[i].carry;
    }
    waiting_uj_ = 0;
}

} // namespace wattvisor
