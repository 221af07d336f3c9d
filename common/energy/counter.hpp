// SPDX-License-Identifier: Apache-2.0
// The step between two readings of an energy counter. A counter that goes back has either wrapped
// at its range or was reset (module reload, resume, a new VM on an old name), and one that leaps
// was tampered with or belongs to something else by now; guessing wrong would charge somebody with
// hundreds of kilojoules, so a doubtful step charges nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

namespace wattvisor {

enum class CounterStep {
    first,    // nothing to compare with: charges nothing
    advanced, // went on, or stood still
    wrapped,  // started again at 0 past its range; the energy is known
    reset,    // started anew; the energy in between is unknown and charges nothing
    jumped,   // went on by more than any zone can use in the time: charges nothing
};

struct CounterDelta {
    CounterStep step = CounterStep::first;
    std::uint64_t energy_uj = 0;

    friend bool operator==(const CounterDelta&, const CounterDelta&) = default;
};

inline constexpr std::uint64_t kNoEnergyLimit = std::numeric_limits<std::uint64_t>::max();

// `max_range_uj` is the largest value that the counter shows before it starts again at 0, as
// max_energy_range_uj says; 0 means unknown, and then nothing counts as a wrap. A step back is a
// wrap only if the energy so implied is at most half of the range, and at most `most_uj`, what the
// zone can have used at the very most. A step forward by more than `most_uj` is a jump.
[[nodiscard]] CounterDelta counter_delta(std::optional<std::uint64_t> previous_uj,
                                         std::uint64_t current_uj, std::uint64_t max_range_uj,
                                         std::uint64_t most_uj = kNoEnergyLimit);

// What a zone can have used at the very most in a time: 10 kW, above what a rack of sockets draws,
// and a second more, since a counter is renewed at its own pace.
[[nodiscard]] std::uint64_t most_energy_uj(std::chrono::nanoseconds time);

} // namespace wattvisor
