// SPDX-License-Identifier: Apache-2.0
// A random history of a host, made from a seed: sockets, zones, consumers that come and go, and all
// that counters do wrong. It says what must be charged from each zone, so that the meter can be
// held against it. For the property tests.
#pragma once

#include "tests/unit/common/accounting/meter_rig.hpp"

#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

namespace wattvisor::test {

class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_(seed) {}
    // 0 to end - 1. The same everywhere, which std::uniform_int_distribution does not promise.
    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    bool one_in(std::uint64_t times) { return below(times) == 0; }
    std::chrono::nanoseconds time_below(std::chrono::nanoseconds end) {
        return std::chrono::nanoseconds(
            static_cast<std::int64_t>(below(static_cast<std::uint64_t>(end.count()))));
    }
    std::mt19937_64& engine() { return random_; }

private:
    std::mt19937_64 random_;
};

struct HistoryTick {
    std::chrono::nanoseconds step{0};
    std::chrono::nanoseconds slept{0};             // beyond the step
    bool restarts = false;                         // the agent, before this tick
    bool splits_file = false;                      // its ended accounts are in a text of their own
    bool is_held = false;                          // the source has nothing to say
    std::vector<ScriptedEnergy::Counter> counters; // of the zones that are there
    UsageSample usage;
    // What must be charged from each zone of the history, and what nobody metered.
    std::vector<std::uint64_t> charged_uj;
    std::vector<std::uint64_t> unmetered_uj;
};

struct History {
    Residual residual = Residual::idle;
    PolicySettings policy;
    std::chrono::nanoseconds keep{0};
    bool moves_always = false;
    std::vector<Zone> zones;
    CpuTopologyPtr topology; // may be null
    std::vector<HistoryTick> ticks;
};

[[nodiscard]] History make_history(std::uint64_t seed);

// The index of the socket that the zone belongs to; none for the whole machine.
[[nodiscard]] std::optional<std::size_t> socket_of(const History& history, const Zone& zone);

} // namespace wattvisor::test
