// SPDX-License-Identifier: Apache-2.0
// Splits whole microjoules exactly. Every claim gets its share of the energy in proportion to its
// weight, by largest remainder; what rounding took from or gave to a claim is carried to its next
// split, so that nobody loses a fraction on every tick. Pure: numbers in, numbers out.
#pragma once

#include <cstdint>
#include <span>

namespace wattvisor {

struct Claim {
    std::uint64_t id = 0;        // unique within a split; breaks ties, so order does not matter
    std::uint64_t weight_ns = 0; // CPU time; a claim of weight 0 gets 0 and keeps its carry
    std::int64_t carry = 0;      // in and out: owed energy in 2^-32 microjoules
    std::uint64_t energy_uj = 0; // out
};

// The shares add up to `energy_uj` exactly. Returns false, and gives nobody anything, where all
// weights are 0: then the energy is the caller's to charge elsewhere.
bool split_exactly(std::uint64_t energy_uj, std::span<Claim> claims);

} // namespace wattvisor
