// SPDX-License-Identifier: Apache-2.0
// A VM's energy by the kind of thread that used it: vCPUs, the emulator, I/O threads, helpers. The
// CPU time of single threads is not read at every tick, so energy waits until it is, and is then
// split by the time that each component used since the look before: exactly, and with carry. Pure;
// a part of an account.
#pragma once

#include "common/accounting/consumer.hpp"

#include <array>
#include <cstdint>

namespace wattvisor {

class ComponentEnergy {
public:
    // What the VM was charged in this tick, of the zones that lie side by side.
    void add(std::uint64_t energy_uj) { waiting_uj_ += energy_uj; }

    // The components' CPU times so far, since the VM is watched. Times that went back (the VM was
    // started anew) count from 0.
    void settle(const ComponentTimes& now);

    [[nodiscard]] const std::array<std::uint64_t, kComponents>& total_uj() const {
        return total_uj_;
    }
    [[nodiscard]] const ComponentTimes& cpu_time() const { return cpu_time_; }

private:
    std::uint64_t waiting_uj_ = 0;
    std::array<std::uint64_t, kComponents> total_uj_{};
    std::array<std::int64_t, kComponents> carry_{};
    ComponentTimes last_{};     // on the source's count
    ComponentTimes cpu_time_{}; // all that was settled: never goes back
};

} // namespace wattvisor
