// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/common/accounting/meter_rig.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using test::consumer;
using test::expect_conservation;
using test::kRange;
using test::Rig;

// Kepler charged everything since boot to the first sample.
TEST(Meter, ChargesNothingForTheFirstReading) {
    Rig rig;
    rig.energy.counters[0].uj = 800'000'000'000;
    rig.use({{consumer("a"), 0s}}, 500s);
    const auto snapshot = rig.tick();
    EXPECT_TRUE(snapshot->source_up);
    EXPECT_EQ(snapshot->sequence, 1U);
    EXPECT_EQ(snapshot->zones[0].total_uj, 0U);
    EXPECT_EQ(snapshot->zones[0].counter_uj, 800'000'000'000U);
    EXPECT_TRUE(snapshot->zones[0].readable);
    EXPECT_EQ(snapshot->energy_uj(), 0U);
    EXPECT_EQ(snapshot->measured, std::nullopt);
    EXPECT_EQ(snapshot->power_uw(), std::nullopt) << "absent, not 0 W";
    EXPECT_EQ(snapshot->consumers[0].power_uw, std::nullopt);
    expect_conservation(*snapshot);
}

// The active policy: of all energy each gets its part of the time that something ran. Idle power is
// shared with it; as a share of capacity the sum fell far short (Scaphandre #378, #436).
TEST(Meter, SplitsByCpuTimeAndChargesTheRestOfBusyTimeToOther) {
    Rig rig;
    const auto a = consumer("a");
    const auto b = consumer("b");
    rig.use({{a, 0s}, {b, 0s}}, 100s);
    rig.tick();
    rig.add_energy(10'000'000);
    rig.use({{a, 500ms}, {b, 300ms}}, 101s);
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 5'000'000U);
    EXPECT_EQ(snapshot->consumers[1].total_uj[0], 3'000'000U);
    EXPECT_EQ(snapshot->zones[0].other_uj, 2'000'000U);
    EXPECT_EQ(snapshot->zones[0].idle_uj, 0U);
    EXPECT_EQ(snapshot->zones[0].total_uj, 10'000'000U);
    EXPECT_EQ(snapshot->consumers[0].power_uw, 5'000'000U);
    EXPECT_EQ(snapshot->power_uw(), 10'000'000U);
    EXPECT_DOUBLE_EQ(*snapshot->consumers[0].cpu_usage, 0.5);
    EXPECT_EQ(snapshot->consumers[0].cpu_time, 500ms);
    expect_conservation(*snapshot);
}

// A reading of /proc/stat that fails is followed by one that shows the time of both ticks.
TEST(Meter, DoesNotInventOtherWorkAfterAMissedReadingOfBusyTime) {
    Rig rig;
    const auto a = consumer("a");
    for (int i = 0; i < 5; ++i) {
        rig.use({{a, i * 2s}}, i * 2s);
        if (i == 2) {
            rig.source.next.busy_time.reset();
        }
        rig.add_energy(1'000'000);
        EXPECT_EQ(rig.tick()->zones[0].other_uj, 0U) << i;
    }
}

// The configured interval is what one hopes for; a tick that came late measured a longer time. And
// microwatts are microjoules per second: Scaphandre #428 mixed the two up.
TEST(Meter, DividesByTheTimeThatWasMeasured) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.add_energy(30'000'000);
    rig.use({{a, 1500ms}}, 1500ms);
    const auto snapshot = rig.tick(2500ms);
    EXPECT_EQ(snapshot->interval, 1s);
    EXPECT_EQ(snapshot->measured, 2500ms);
    EXPECT_EQ(snapshot->zones[0].power_uw, 12'000'000U);
    EXPECT_EQ(snapshot->consumers[0].power_uw, 12'000'000U);
    EXPECT_DOUBLE_EQ(*snapshot->consumers[0].cpu_usage, 0.6);
}

// Scaphandre #441: a step of the wall clock, and 54.7 kW.
TEST(Meter, DoesNotCareAboutTheWallClock) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.now.wall -= 24h;
    rig.add_energy(10'000'000);
    rig.use({{a, 1s}}, 1s);
    EXPECT_EQ(rig.tick()->zones[0].power_uw, 10'000'000U);
    rig.now.wall += 240h;
    rig.add_energy(10'000'000);
    rig.use({{a, 2s}}, 2s);
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[0].power_uw, 10'000'000U);
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 20'000'000U);
}

// /proc/stat is 10 ms coarse in each of five fields, so it can show less than the consumers used,
// and the difference a tick later. That is no other work, and nobody may be charged for it.
TEST(Meter, CarriesTheLagOfBusyTime) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    nanoseconds used = 0s;
    for (int i = 0; i < 50; ++i) {
        rig.add_energy(10'000'000);
        used += 1s;
        const nanoseconds lag = i % 2 == 0 ? kBusyTimeError : 0ms;
        rig.use({{a, used}}, used - lag);
        const auto snapshot = rig.tick();
        ASSERT_EQ(snapshot->zones[0].other_uj, 0U) << "tick " << i;
        ASSERT_EQ(snapshot->consumers[0].total_uj[0], snapshot->zones[0].total_uj);
    }
}

// What is carried is bounded by how wrong busy time can be; otherwise one wrong reading would hide
// other work for hours.
TEST(Meter, ForgetsALagThatBusyTimeCannotHave) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.use({{a, 3600s}}, 0s); // an hour of CPU time that no /proc/stat shows
    rig.tick();
    rig.add_energy(10'000'000);
    rig.use({{a, 3600s}}, 1s); // and now a second of other work
    EXPECT_EQ(rig.tick()->zones[0].other_uj, 10'000'000U);
    rig.add_energy(10'000'000);
    rig.use({{a, 3600s + 100ms}}, 2s);
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[0].other_uj, 10'000'000U + 9'000'000U);
}

TEST(Meter, ChargesAnIdleMachineToIdle) {
    Rig rig(Residual::idle);
    rig.use({{consumer("a"), 0s}}, 0s);
    rig.tick();
    rig.add_energy(3'000'000);
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[0].idle_uj, 3'000'000U);
    EXPECT_EQ(snapshot->zones[0].other_uj, 0U);
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 0U);
    EXPECT_EQ(snapshot->consumers[0].power_uw, 0U) << "it is known that it used nothing";
    expect_conservation(*snapshot);
}

TEST(Meter, ChargesAnIdleVmToOther) {
    Rig rig(Residual::other);
    rig.use({{consumer("a"), 0s}}, 0s);
    rig.tick();
    rig.add_energy(3'000'000);
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[0].other_uj, 3'000'000U);
    EXPECT_EQ(snapshot->zones[0].idle_uj, 0U);
    expect_conservation(*snapshot);
}

TEST(Meter, DatesSnapshotsFromItsOwnBeginning) {
    Rig rig;
    EXPECT_EQ(rig.tick()->time, 0s);
    rig.now.ticks_skipped = 3;
    const auto snapshot = rig.tick(5s);
    EXPECT_EQ(snapshot->time, 5s);
    EXPECT_EQ(snapshot->epoch, "abc");
    EXPECT_EQ(snapshot->ticks, 2U);
    EXPECT_EQ(snapshot->ticks_skipped, 3U);
    EXPECT_EQ(snapshot->wall, rig.now.wall);
}

TEST(Meter, AddsUpOverTenThousandRandomTicks) {
    constexpr std::uint64_t kSeed = 20'240'612;
    SCOPED_TRACE(testing::Message() << "seed " << kSeed);
    std::mt19937_64 random(kSeed);
    const auto below = [&random](std::uint64_t end) {
        return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random);
    };
    Rig rig(Residual::idle, 3s);
    rig.energy.counters = {{{"intel-rapl:0", "package-0", ZoneKind::package, 0, 90'000'000}, 5},
                           {{"intel-rapl:0:0", "core", ZoneKind::core, 0, 0}, 5},
                           {{"intel-rapl:0:1", "dram", ZoneKind::dram, 0, kRange}, 5},
                           {{"intel-rapl:1", "package-1", ZoneKind::package, 1, kRange}, 5}};
    std::vector<std::uint64_t> counters_uj(4, 5);
    std::vector<std::uint64_t> last_total_uj(4);
    std::map<std::string, std::pair<ConsumerPtr, nanoseconds>> running;
    nanoseconds busy{0};
    int born = 0;
    for (int tick = 0; tick < 10'000; ++tick) {
        if (below(3) == 0 && running.size() < 12) {
            const std::string key = "key-" + std::to_string(born++ % 40);
            running.try_emplace(key, consumer(key), 0s);
        }
        if (below(4) == 0 && !running.empty()) {
            running.erase(running.begin());
        }
        rig.source.next.consumers.clear();
        for (auto& [key, entry] : running) {
            const nanoseconds used(static_cast<std::int64_t>(below(3) * below(1'000'000'000)));
            entry.second += used;
            busy += below(20) == 0 ? 0ns : used;
            rig.source.next.consumers.push_back({entry.first, {entry.second}, {}, {}});
        }
        busy += nanoseconds(static_cast<std::int64_t>(below(2) * below(100'000'000)));
        rig.source.next.busy_time = SocketTimes{busy};
        rig.source.next.busy_error = kBusyTimeError;
        for (std::size_t zone = 0; zone < 4; ++zone) {
            counters_uj[zone] += below(2) * below(30'000'000);
            const std::uint64_t range = zone == 0 ? 90'000'001 : UINT64_MAX;
            counters_uj[zone] = below(500) == 0 ? 0 : counters_uj[zone] % range;
            rig.energy.counters[zone].uj.reset();
            if (below(20) != 0) {
                rig.energy.counters[zone].uj = counters_uj[zone];
            }
        }
        rig.energy.is_silent = below(10) == 0;
        rig.energy.failure = below(50) == 0 ? "trouble" : "";
        if (below(300) == 0) {
            rig.energy.epoch += "x";
        }
        const auto snapshot =
            rig.tick(nanoseconds(1 + static_cast<std::int64_t>(below(3'000'000'000))));
        expect_conservation(*snapshot);
        for (std::size_t zone = 0; zone < snapshot->zones.size(); ++zone) {
            ASSERT_GE(snapshot->zones[zone].total_uj, last_total_uj[zone]) << "it went back";
            last_total_uj[zone] = snapshot->zones[zone].total_uj;
        }
        ASSERT_FALSE(testing::Test::HasFailure()) << "tick " << tick;
    }
}

TEST(MakeEpoch, IsSixteenHexadecimalDigitsAndNewEachTime) {
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        const std::string epoch = make_epoch();
        EXPECT_EQ(epoch.size(), 16U);
        EXPECT_EQ(epoch.find_first_not_of("0123456789abcdef"), std::string::npos) << epoch;
        seen.insert(epoch);
    }
    EXPECT_EQ(seen.size(), 100U);
}

} // namespace
} // namespace wattvisor
