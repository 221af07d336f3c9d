// SPDX-License-Identifier: Apache-2.0
// Where energy comes from: the kernel's powercap tree on a host, a share inside a VM.
#pragma once

#include "common/base/error.hpp"
#include "common/energy/zone.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace wattvisor {

// A counter that shows again what another zone has: told of, charged to nobody.
struct RepeatedCounter {
    Zone zone;
    std::uint64_t counter_uj = 0; // wraps at its range
};

// One reading of all zones of a source, taken together.
struct EnergySample {
    ZoneListPtr zones;
    // One entry per zone, in its order: the counter in microjoules, or why there is none. An
    // unreadable counter is absent; it is never 0 and never the last value.
    std::vector<Result<std::uint64_t>> counters_uj;
    std::vector<RepeatedCounter> repeated; // those that could be read
    // When the counters were read, on the clock of whoever read them. Times of one epoch can be
    // subtracted; across epochs they cannot.
    std::string epoch;
    std::chrono::nanoseconds time{0};
    // Differs from that of the sample before exactly when this sample holds a new measurement.
    std::uint64_t sequence = 0;
    // How often the source renews its counters; zero where it is renewed all the time.
    std::chrono::nanoseconds source_interval{0};
    bool estimated = false; // from a model, not from a counter
    // Hardware, whose counters always move: one that stands still is frozen. A share may stand
    // still for good reason.
    bool moves_always = false;
};

class EnergySource {
public:
    EnergySource() = default;
    EnergySource(const EnergySource&) = delete;
    EnergySource& operator=(const EnergySource&) = delete;
    virtual ~EnergySource() = default;

    // `now` is the monotonic clock of this machine. An error means that nothing at all could be
    // read; it is asked again at the next tick.
    [[nodiscard]] virtual Result<EnergySample> read(std::chrono::nanoseconds now) = 0;
};

} // namespace wattvisor
