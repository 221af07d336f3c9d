// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/zone_bank.hpp"

#include <gmock/gmock.h>

#include <array>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSecond = 1'000'000'000;

PowerSpec full_power() {
    PowerSpec power;
    power.package = {20'000'000, 10'000'000, 1'000'000'000, 0};
    power.core = ZoneSpec{5'000'000, 8'000'000};
    power.dram = ZoneSpec{3'000'000, 1'000'000};
    power.psys = ZoneSpec{5'000'000, 0};
    power.mmio = ZoneSpec{0, 0, 999, 7};
    return power;
}

HostSpec two_sockets() {
    HostSpec host;
    host.sockets = 2;
    return host;
}

TEST(ZoneBank, NamesZonesAsTheKernelDoes) {
    std::string all;
    const ZoneBank bank(two_sockets(), full_power());
    for (const BankZone& zone : bank.zones()) {
        all += zone.folder + "=" + zone.name + " ";
    }
    EXPECT_EQ(all, "intel-rapl:0=package-0 intel-rapl:0:0=core intel-rapl:0:1=dram "
                   "intel-rapl:1=package-1 intel-rapl:1:0=core intel-rapl:1:1=dram "
                   "intel-rapl:2=psys intel-rapl-mmio:0=package-0 intel-rapl-mmio:1=package-1 ");
}

TEST(ZoneBank, ChargesIdleAndBusyPowerToTheSocketsWhereTheyAre) {
    ZoneBank bank(two_sockets(), full_power());
    bank.charge(kSecond, std::array<std::uint64_t, 2>{kSecond / 2, 0});
    const auto& zones = bank.zones();
    EXPECT_EQ(zones[0].total.uj(), 25'000'000U); // 20 W idle and half of 10 W
    EXPECT_EQ(zones[1].total.uj(), 9'000'000U);
    EXPECT_EQ(zones[2].total.uj(), 3'500'000U);
    EXPECT_EQ(zones[3].total.uj(), 20'000'000U);
    // Packages, both drams, the platform; core is inside its package.
    EXPECT_EQ(zones[6].total.uj(),
              25'000'000U + 20'000'000U + 3'500'000U + 3'000'000U + 5'000'000U);
    EXPECT_EQ(zones[7].total, zones[0].total);
    EXPECT_EQ(zones[7].shown_uj(), (25'000'000U + 7) % 1000);
}

TEST(ZoneBank, LosesNothingHoweverUnevenItsSteps) {
    PowerSpec power;
    power.package = {3, 0};
    ZoneBank bank(HostSpec(), power);
    for (int i = 0; i < 1'000; ++i) {
        bank.charge(kSecond / 1000 + 1, std::array<std::uint64_t, 1>{0});
    }
    EXPECT_EQ(bank.zones()[0].total.uj(), 3U);
    EXPECT_EQ(bank.zones()[0].total.rest_fj(), 3'000U);
}

TEST(ZoneBank, WrapsWhereTotalsGoOn) {
    PowerSpec power;
    power.package = {20'000'000, 0, 15'000'000, 14'999'999};
    ZoneBank bank(HostSpec(), power);
    EXPECT_EQ(bank.zones()[0].shown_uj(), 14'999'999U);
    bank.charge(kSecond, std::array<std::uint64_t, 1>{0});
    EXPECT_EQ(bank.zones()[0].total.uj(), 20'000'000U);
    EXPECT_EQ(bank.zones()[0].shown_uj(), 4'999'997U); // range + 1 values
    EXPECT_EQ(bank.zones()[0].wraps, 2U);
}

class Fault : public ::testing::Test {
protected:
    Fault() {
        PowerSpec power;
        power.package = {1'000'000, 0, 9'999'999, 0};
        bank_.emplace(HostSpec(), power);
        pass();
    }
    void pass() { bank_->charge(kSecond, std::array<std::uint64_t, 1>{0}); }
    [[nodiscard]] Event event(EventKind kind, std::int64_t value = 0) {
        Event made;
        made.kind = kind;
        made.value = value;
        return made;
    }
    [[nodiscard]] const BankZone& zone() const { return bank_->zones()[0]; }
    std::optional<ZoneBank> bank_;
};

TEST_F(Fault, ResetShowsTheValueAndGoesOnFromThere) {
    bank_->apply(event(EventKind::counter_reset, 42));
    EXPECT_EQ(zone().shown_uj(), 42U);
    pass();
    EXPECT_EQ(zone().shown_uj(), 1'000'042U);
    EXPECT_EQ(zone().total.uj(), 2'000'000U);
}

TEST_F(Fault, JumpGoesBothWaysWithinTheRange) {
    bank_->apply(event(EventKind::counter_jump, 5));
    EXPECT_EQ(zone().shown_uj(), 1'000'005U);
    bank_->apply(event(EventKind::counter_jump, -6));
    EXPECT_EQ(zone().shown_uj(), 999'999U);
    bank_->apply(event(EventKind::counter_jump, -1'000'000));
    EXPECT_EQ(zone().shown_uj(), 9'999'999U);
}

TEST_F(Fault, FrozenCounterCatchesUp) {
    bank_->apply(event(EventKind::counter_freeze));
    pass();
    EXPECT_EQ(zone().shown_uj(), 1'000'000U);
    bank_->revert(event(EventKind::counter_freeze));
    EXPECT_EQ(zone().shown_uj(), 2'000'000U);
}

TEST_F(Fault, LostEnergyIsNeverShown) {
    bank_->apply(event(EventKind::counter_lose));
    pass();
    bank_->revert(event(EventKind::counter_lose));
    EXPECT_EQ(zone().shown_uj(), 1'000'000U);
    EXPECT_EQ(zone().total.uj(), 2'000'000U);
    pass();
    EXPECT_EQ(zone().shown_uj(), 2'000'000U);
}

TEST_F(Fault, ConditionsComeAndGo) {
    for (const EventKind kind :
         {EventKind::counter_vanish, EventKind::counter_unreadable, EventKind::counter_garbage}) {
        bank_->apply(event(kind));
        EXPECT_TRUE(!zone().is_present || !zone().is_readable || zone().garbage);
        bank_->revert(event(kind));
        EXPECT_TRUE(zone().is_present && zone().is_readable && !zone().garbage);
    }
}

TEST_F(Fault, IsOfANamedZone) {
    Event other = event(EventKind::counter_reset);
    other.target = "intel-rapl:1";
    EXPECT_FALSE(bank_->apply(other));
    EXPECT_EQ(zone().shown_uj(), 1'000'000U);
}

} // namespace
} // namespace wattvisor::simulated
