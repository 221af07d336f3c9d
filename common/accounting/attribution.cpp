// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/attribution.hpp"

#include <algorithm>
#include <vector>

namespace wattvisor {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr unsigned kFractionBits = 32;
constexpr std::int64_t kOne = std::int64_t{1} << kFractionBits;

// What a claim is owed beyond the whole microjoules that it was given.
struct Remainder {
    std::int64_t owed;
    Claim* claim;
};

// Gives the claim its whole microjoules, and returns what is still owed (negative: too much).
std::int64_t give_whole(std::uint64_t energy_uj, Wide total_weight, Claim& claim) {
    const Wide product = Wide{energy_uj} * claim.weight_ns;
    const auto whole = static_cast<std::uint64_t>(product / total_weight);
    const Wide rest = product % total_weight;
    const auto fraction = static_cast<std::int64_t>((rest << kFractionBits) / total_weight);
    std::int64_t owed = claim.carry + fraction;
    claim.energy_uj = whole;
    for (; owed >= kOne; owed -= kOne) {
        ++claim.energy_uj;
    }
    for (; owed < 0 && claim.energy_uj > 0; owed += kOne) {
        --claim.energy_uj;
    }
    return owed;
}

// Largest remainder first; the id decides between equals.
bool is_owed_more(const Remainder& a, const Remainder& b) {
    return a.owed != b.owed ? a.owed > b.owed : a.claim->id < b.claim->id;
}

void give_one(Remainder& remainder) {
    ++remainder.claim->energy_uj;
    remainder.owed -= kOne;
}

void take_one(Remainder& remainder) {
    --remainder.claim->energy_uj;
    remainder.owed += kOne;
}

// Hands out what is left of the energy, or takes back what was given too much. Carries are small,
// so this is less than one microjoule per claim and the loops end after a round or two.
void settle(std::uint64_t energy_uj, std::vector<Remainder>& remainders) {
    std::uint64_t given = 0;
    for (const Remainder& remainder : remainders) {
        given += remainder.claim->energy_uj;
    }
    if (given == energy_uj) {
        return;
    }
    if (given < energy_uj && energy_uj - given < remainders.size()) {
        // Only who is among the first counts, not in which order they are.
        const auto end = remainders.begin() + static_cast<std::ptrdiff_t>(energy_uj - given);
        std::nth_element(remainders.begin(), end, remainders.end(), is_owed_more);
        std::for_each(remainders.begin(), end, give_one);
        return;
    }
    std::sort(remainders.begin(), remainders.end(), is_owed_more);
    while (given < energy_uj) {
        for (auto it = remainders.begin(); it != remainders.end() && given < energy_uj; ++it) {
            give_one(*it);
            ++given;
        }
    }
    while (given > energy_uj) {
        for (auto it = remainders.rbegin(); it != remainders.rend() && given > energy_uj; ++it) {
            if (it->claim->energy_uj > 0) {
                take_one(*it);
                --given;
            }
        }
    }
}

} // namespace

bool split_exactly(std::uint64_t energy_uj, std::span<Claim> claims) {
    Wide total_weight = 0; // of two absurd weights the sum no longer fits in 64 bits
    for (Claim& claim : claims) {
        claim.energy_uj = 0;
        total_weight += claim.weight_ns;
    }
    if (total_weight == 0) {
        return false;
    }
    if (energy_uj == 0) {
        return true;
    }
    std::vector<Remainder> remainders;
    remainders.reserve(claims.size());
    for (Claim& claim : claims) {
        if (claim.weight_ns > 0) {
            remainders.push_back({give_whole(energy_uj, total_weight, claim), &claim});
        }
    }
    settle(energy_uj, remainders);
    for (const Remainder& remainder : remainders) {
        remainder.claim->carry = remainder.owed;
    }
    return true;
}

} // namespace wattvisor
