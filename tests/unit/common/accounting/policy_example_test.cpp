// SPDX-License-Identifier: Apache-2.0
// The worked example of docs/explanation/policies.md, row by row.
#include "common/accounting/ledger.hpp"
#include "common/accounting/policy.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wattvisor {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kJoule = 1'000'000;

struct Shares {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    std::uint64_t other = 0;
    std::uint64_t idle = 0;

    friend bool operator==(const Shares&, const Shares&) = default;
};

ConsumerPtr vm(const std::string& key) {
    auto made = std::make_shared<Consumer>();
    made->kind = ConsumerKind::vm;
    made->key = key;
    return made;
}

Shares shares_under(Policy policy) {
    Ledger ledger(Residual::idle);
    const std::size_t zone = ledger.zone_index({"intel-rapl:0", "package-0", ZoneKind::package});
    Account& a = ledger.open(vm("a"));
    Account& b = ledger.open(vm("b"));
    const std::vector<std::uint64_t> used{3 * kSecond, kSecond};
    const std::vector<std::uint64_t> vcpus{4, 6};
    for (const EnergyPart& part :
         divide(policy, 100 * kJoule, 40 * kJoule, {used, kSecond, 10 * kSecond, vcpus})) {
        ledger.charge(zone, part.energy_uj, {{&a, (*part.weights)[0]}, {&b, (*part.weights)[1]}},
                      part.other, part.idle);
    }
    EXPECT_EQ(ledger.conservation_error_uj(), 0U);
    EXPECT_EQ(ledger.zones()[zone].total_uj, 100 * kJoule);
    return {a.total_uj[zone] / kJoule, b.total_uj[zone] / kJoule,
            ledger.zones()[zone].other_uj / kJoule, ledger.zones()[zone].idle_uj / kJoule};
}

TEST(PolicyExample, OfActiveChargesThoseWhoWorked) {
    EXPECT_EQ(shares_under(Policy::active), (Shares{60, 20, 20, 0}));
}

TEST(PolicyExample, OfCapacityLeavesWhatNobodyUsedToIdle) {
    EXPECT_EQ(shares_under(Policy::capacity), (Shares{30, 10, 10, 50}));
}

TEST(PolicyExample, OfStaticSplitsTheFloorByVcpus) {
    EXPECT_EQ(shares_under(Policy::static_floor), (Shares{52, 36, 12, 0}));
}

} // namespace
} // namespace wattvisor
