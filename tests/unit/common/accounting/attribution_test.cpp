// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/attribution.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <vector>

namespace wattvisor {
namespace {

constexpr std::uint64_t kSeed = 20'240'611;
constexpr int kSplits = 20'000;
constexpr std::int64_t kOneMicrojoule = std::int64_t{1} << 32U;

std::uint64_t sum(const std::vector<Claim>& claims) {
    std::uint64_t total = 0;
    for (const Claim& claim : claims) {
        total += claim.energy_uj;
    }
    return total;
}

std::vector<Claim> claims_of(const std::vector<std::uint64_t>& weights) {
    std::vector<Claim> claims;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        claims.push_back({i, weights[i], 0, 0});
    }
    return claims;
}

std::vector<std::uint64_t> energies(const std::vector<Claim>& claims) {
    std::vector<std::uint64_t> given;
    for (const Claim& claim : claims) {
        given.push_back(claim.energy_uj);
    }
    return given;
}

using Numbers = std::vector<std::uint64_t>;

class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_(seed) {}
    std::uint64_t below(std::uint64_t end) {
        return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random_);
    }
    // Small, middling or huge, and often 0.
    std::uint64_t number() {
        switch (below(5)) {
        case 0:
            return 0;
        case 1:
            return below(10);
        case 2:
            return below(1'000'000);
        case 3:
            return below(std::uint64_t{1} << 40U);
        default:
            return below(std::uint64_t{1} << 62U);
        }
    }
    std::vector<Claim> claims() {
        std::vector<Claim> claims(1 + below(12));
        for (std::size_t i = 0; i < claims.size(); ++i) {
            claims[i].id = 100 - i;
            claims[i].weight_ns = number();
            claims[i].carry = static_cast<std::int64_t>(below(2 * kOneMicrojoule)) - kOneMicrojoule;
        }
        return claims;
    }
    template <typename T>
    void shuffle(std::vector<T>& items) {
        std::shuffle(items.begin(), items.end(), random_);
    }

private:
    std::mt19937_64 random_;
};

TEST(SplitExactly, DividesInProportionToTheWeights) {
    auto claims = claims_of({1, 2, 7});
    EXPECT_TRUE(split_exactly(1000, claims));
    EXPECT_EQ(energies(claims), (Numbers{100, 200, 700}));
}

TEST(SplitExactly, GivesTheRestToTheLargestRemainder) {
    auto claims = claims_of({10, 13, 77});
    EXPECT_TRUE(split_exactly(10, claims)); // 1.0, 1.3, 7.7
    EXPECT_EQ(energies(claims), (Numbers{1, 1, 8}));
}

TEST(SplitExactly, LetsTheIdDecideBetweenEquals) {
    std::vector<Claim> claims{{9, 5, 0, 0}, {3, 5, 0, 0}, {7, 5, 0, 0}};
    EXPECT_TRUE(split_exactly(1, claims));
    EXPECT_EQ(energies(claims), (Numbers{0, 1, 0}));
}

TEST(SplitExactly, GivesNobodyAnythingWhereNothingRan) {
    std::vector<Claim> claims{{1, 0, 77, 5}, {2, 0, -3, 5}};
    EXPECT_FALSE(split_exactly(1000, claims));
    EXPECT_EQ(energies(claims), (Numbers{0, 0}));
    EXPECT_EQ(claims[0].carry, 77);
    EXPECT_EQ(claims[1].carry, -3);
    EXPECT_FALSE(split_exactly(0, claims));
    EXPECT_FALSE(split_exactly(1000, {}));
}

TEST(SplitExactly, OfNoEnergyGivesNothingAndKeepsWhatIsOwed) {
    std::vector<Claim> claims{{1, 10, 99, 5}};
    EXPECT_TRUE(split_exactly(0, claims));
    EXPECT_EQ(claims[0].energy_uj, 0U);
    EXPECT_EQ(claims[0].carry, 99);
}

// Scaphandre cut microjoules off on every tick; its guests never got them back.
TEST(SplitExactly, CarriesTheRemainderToTheNextSplit) {
    auto claims = claims_of({1, 1, 1});
    Numbers totals(3);
    for (int tick = 0; tick < 3; ++tick) {
        EXPECT_TRUE(split_exactly(1, claims));
        for (std::size_t i = 0; i < 3; ++i) {
            totals[i] += claims[i].energy_uj;
        }
    }
    EXPECT_EQ(totals, (Numbers{1, 1, 1}));
}

// Scaphandre #200: an integer ratio, and everybody got 0.
TEST(SplitExactly, DoesNotRoundASmallShareToNothingForEver) {
    auto claims = claims_of({1, 999'999});
    std::uint64_t small = 0;
    for (int tick = 0; tick < 1'000'000; tick += 100) {
        EXPECT_TRUE(split_exactly(100, claims));
        small += claims[0].energy_uj;
    }
    EXPECT_EQ(small, 1U);
}

TEST(SplitExactly, AddsUpToTheMicrojouleWhateverTheNumbers) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed);
    Dice dice(kSeed);
    for (int i = 0; i < kSplits; ++i) {
        auto claims = dice.claims();
        const std::uint64_t energy_uj = dice.number();
        const bool anybody = std::any_of(claims.begin(), claims.end(),
                                         [](const Claim& claim) { return claim.weight_ns > 0; });
        ASSERT_EQ(split_exactly(energy_uj, claims), anybody) << "split " << i;
        ASSERT_EQ(sum(claims), anybody ? energy_uj : 0) << "split " << i;
    }
}

TEST(SplitExactly, GivesNothingToAClaimWithoutWeight) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed + 1);
    Dice dice(kSeed + 1);
    for (int i = 0; i < kSplits; ++i) {
        auto claims = dice.claims();
        const auto before = claims;
        split_exactly(dice.number(), claims);
        for (std::size_t k = 0; k < claims.size(); ++k) {
            if (claims[k].weight_ns == 0) {
                ASSERT_EQ(claims[k].energy_uj, 0U) << "split " << i;
                ASSERT_EQ(claims[k].carry, before[k].carry) << "split " << i;
            }
        }
    }
}

TEST(SplitExactly, GivesEachTheSameInWhateverOrderTheyCome) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed + 2);
    Dice dice(kSeed + 2);
    for (int i = 0; i < kSplits; ++i) {
        auto claims = dice.claims();
        auto shuffled = claims;
        dice.shuffle(shuffled);
        const std::uint64_t energy_uj = dice.number();
        split_exactly(energy_uj, claims);
        split_exactly(energy_uj, shuffled);
        std::map<std::uint64_t, Claim> by_id;
        for (const Claim& claim : claims) {
            by_id.emplace(claim.id, claim);
        }
        for (const Claim& claim : shuffled) {
            ASSERT_EQ(claim.energy_uj, by_id[claim.id].energy_uj) << "split " << i;
            ASSERT_EQ(claim.carry, by_id[claim.id].carry) << "split " << i;
        }
    }
}

// What a single split gives is the exact share, give or take what was owed and one microjoule for
// the rounding of each side.
TEST(SplitExactly, StaysWithinAFewMicrojoulesOfTheExactShare) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed + 3);
    Dice dice(kSeed + 3);
    for (int i = 0; i < kSplits; ++i) {
        auto claims = dice.claims();
        const std::uint64_t energy_uj = dice.below(std::uint64_t{1} << 40U);
        long double total = 0;
        for (const Claim& claim : claims) {
            total += static_cast<long double>(claim.weight_ns);
        }
        if (!split_exactly(energy_uj, claims)) {
            continue;
        }
        for (const Claim& claim : claims) {
            const long double exact = static_cast<long double>(energy_uj) *
                                      static_cast<long double>(claim.weight_ns) / total;
            const auto most = static_cast<long double>(claims.size()) + 2;
            ASSERT_LE(std::abs(static_cast<long double>(claim.energy_uj) - exact), most)
                << "split " << i;
        }
    }
}

struct Fairness {
    std::vector<long double> exact;
    std::vector<long double> given;

    [[nodiscard]] long double worst() const {
        long double distance = 0;
        for (std::size_t i = 0; i < exact.size(); ++i) {
            distance = std::max(distance, std::abs(given[i] - exact[i]));
        }
        return distance;
    }
};

// `one_in`: on average, one in so many claims does not run in a tick; 0 for none.
Fairness run_ticks(std::uint64_t seed, int ticks, std::uint64_t one_in) {
    Dice dice(seed);
    std::vector<Claim> claims = claims_of(Numbers(9));
    Fairness fairness{std::vector<long double>(9), std::vector<long double>(9)};
    for (int tick = 0; tick < ticks; ++tick) {
        long double total = 0;
        for (Claim& claim : claims) {
            const bool idles = one_in > 0 && dice.below(one_in) == 0;
            claim.weight_ns = idles ? 0 : 1 + dice.below(4'000'000'000);
            total += static_cast<long double>(claim.weight_ns);
        }
        const std::uint64_t energy_uj = dice.below(50'000'000);
        if (!split_exactly(energy_uj, claims)) {
            continue;
        }
        for (std::size_t i = 0; i < claims.size(); ++i) {
            fairness.exact[i] += static_cast<long double>(energy_uj) *
                                 static_cast<long double>(claims[i].weight_ns) / total;
            fairness.given[i] += static_cast<long double>(claims[i].energy_uj);
        }
    }
    return fairness;
}

TEST(SplitExactly, IsFairInTheLongRun) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed + 4);
    EXPECT_LT(run_ticks(kSeed + 4, kSplits, 0).worst(), 2.0L);
}

TEST(SplitExactly, IsFairToClaimsThatOftenDoNotRun) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed + 5);
    EXPECT_LT(run_ticks(kSeed + 5, kSplits, 2).worst(), 2.0L);
    EXPECT_LT(run_ticks(kSeed + 6, kSplits, 5).worst(), 2.0L);
}

TEST(SplitExactly, HoldsAtTheLargestNumbers) {
    constexpr std::uint64_t kHuge = std::uint64_t{1} << 63U;
    for (const std::uint64_t energy_uj : {kHuge, UINT64_MAX, UINT64_MAX - 1}) {
        for (const Numbers& weights : {Numbers{kHuge}, Numbers{UINT64_MAX}, Numbers{1, kHuge - 1},
                                       Numbers{UINT64_MAX, 0}, Numbers{kHuge - 1, kHuge - 1, 1}}) {
            auto claims = claims_of(weights);
            ASSERT_TRUE(split_exactly(energy_uj, claims));
            EXPECT_EQ(sum(claims), energy_uj);
        }
    }
}

// The sum of these weights needs more than 64 bits; cut to them it is 0, or a small number.
TEST(SplitExactly, HoldsWhereTheSumOfWeightsDoesNotFitIn64Bits) {
    constexpr std::uint64_t kHuge = std::uint64_t{1} << 63U;
    auto claims = claims_of({kHuge, kHuge});
    ASSERT_TRUE(split_exactly(1000, claims));
    EXPECT_EQ(energies(claims), (Numbers{500, 500}));
    claims = claims_of({UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX});
    ASSERT_TRUE(split_exactly(UINT64_MAX - 3, claims));
    EXPECT_EQ(energies(claims), Numbers(4, UINT64_MAX / 4));
}

} // namespace
} // namespace wattvisor
