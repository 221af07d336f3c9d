// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/meter.hpp"
#include "common/usage/busy_time.hpp"

#include <gmock/gmock.h>
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
using testing::HasSubstr;

constexpr std::uint64_t kRange = 1'000'000'000'000;

// Says what the test told it to say.
class ScriptedEnergy final : public EnergySource {
public:
    struct Counter {
        Zone zone;
        std::optional<std::uint64_t> uj;
    };

    [[nodiscard]] Result<EnergySample> read(nanoseconds now) override {
        if (!failure.empty()) {
            return Error{Severity::transient, failure, "the source", {}};
        }
        EnergySample sample;
        auto zones = std::make_shared<ZoneList>();
        for (const Counter& counter : counters) {
            zones->push_back(counter.zone);
            sample.counters_uj.push_back(
                counter.uj ? Result<std::uint64_t>(*counter.uj)
                           : Error{Severity::transient, "is empty", counter.zone.id, {}});
        }
        if (!is_silent) {
            ++sequence;
            time = now;
        }
        sample.zones = zones;
        sample.epoch = epoch;
        sample.sequence = sequence;
        sample.time = time;
        sample.source_interval = source_interval;
        sample.estimated = estimated;
        return sample;
    }

    std::vector<Counter> counters{
        {{"intel-rapl:0", "package-0", ZoneKind::package, 0, kRange}, 5'000'000}};
    std::string failure;    // not empty: nothing can be read
    bool is_silent = false; // goes on saying what it said last
    std::string epoch = "first";
    std::uint64_t sequence = 0;
    nanoseconds time{0};
    nanoseconds source_interval{0};
    bool estimated = false;
};

class ScriptedConsumers final : public ConsumerSource {
public:
    [[nodiscard]] UsageSample collect() override {
        ++collections;
        return next;
    }
    UsageSample next;
    int collections = 0;
};

ConsumerPtr consumer(const std::string& key, const std::string& name = "vm") {
    auto made = std::make_shared<Consumer>();
    made->kind = ConsumerKind::vm;
    made->key = key;
    made->name = name;
    return made;
}

// A meter with both of its sources, and the clock.
class Rig {
public:
    explicit Rig(Residual residual = Residual::idle, nanoseconds keep = 1h)
        : meter({"abc", 1s, keep, {}}, Ledger(residual)) {}

    // Sets the CPU times that the sources show next.
    void use(const std::vector<std::pair<ConsumerPtr, nanoseconds>>& consumers, nanoseconds busy) {
        source.next.consumers.clear();
        for (const auto& [who, cpu_time] : consumers) {
            source.next.consumers.push_back({who, {cpu_time}, {}, {}});
        }
        source.next.busy_time = SocketTimes{busy};
        source.next.busy_error = kBusyTimeError;
    }
    void add_energy(std::uint64_t uj, std::size_t zone = 0) { *energy.counters[zone].uj += uj; }

    SnapshotPtr tick(nanoseconds step = 1s) {
        now.monotonic += step;
        now.boottime += step;
        now.wall += std::chrono::duration_cast<std::chrono::system_clock::duration>(step);
        ++now.ticks;
        return meter.tick(now, energy, source);
    }

    ScriptedEnergy energy;
    ScriptedConsumers source;
    TickTime now{100s, std::chrono::system_clock::time_point(24h), 0, 0, 100s};
    Meter meter;
};

void expect_conservation(const Snapshot& snapshot) {
    EXPECT_EQ(snapshot.conservation_error_uj, 0U);
    for (std::size_t i = 0; i < snapshot.zones.size(); ++i) {
        const ZoneAccount& zone = snapshot.zones[i];
        std::uint64_t parts = zone.ended_uj + zone.other_uj + zone.idle_uj;
        for (const ConsumerAccount& each : snapshot.consumers) {
            parts += each.total_uj[i];
        }
        EXPECT_EQ(parts, zone.total_uj) << zone.zone.id;
    }
}

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

class TwoZones : public testing::Test {
protected:
    TwoZones() {
        rig.energy.counters.push_back(
            {{"intel-rapl:1", "package-1", ZoneKind::package, 1, kRange}, 7'000'000'000});
        rig.use({{a, 0s}}, 0s);
        rig.tick();
        step();
    }
    // One second in which only `a` runs, and 1 J comes from each zone.
    SnapshotPtr step() {
        used += 1s;
        rig.use({{a, used}}, used);
        counter_0 += 1'000'000;
        counter_1 += 1'000'000;
        rig.energy.counters[0].uj = counter_0;
        if (rig.energy.counters[1].uj) {
            rig.energy.counters[1].uj = counter_1;
        }
        return rig.tick();
    }

    Rig rig;
    ConsumerPtr a = consumer("a");
    nanoseconds used{0};
    std::uint64_t counter_0 = 5'000'000;
    std::uint64_t counter_1 = 7'000'000'000;
};

// Scaphandre #147: an unreadable counter was 0, and when it came back the difference was the whole
// counter: 53 kW.
TEST_F(TwoZones, AnUnreadableCounterIsAbsentAndChargedOnceWhenItReturns) {
    rig.energy.counters[1].uj.reset();
    for (int i = 0; i < 3; ++i) {
        const auto gap = step();
        EXPECT_TRUE(gap->source_up);
        EXPECT_FALSE(gap->zones[1].readable);
        EXPECT_THAT(gap->zones[1].problem, HasSubstr("is empty"));
        EXPECT_EQ(gap->zones[1].power_uw, std::nullopt);
        EXPECT_EQ(gap->zones[1].total_uj, 1'000'000U);
        EXPECT_EQ(gap->zones[0].power_uw, 1'000'000U) << "the other zone goes on";
        EXPECT_EQ(gap->power_uw(), std::nullopt) << "a sum with a part missing looks right";
        EXPECT_EQ(gap->consumers[0].power_uw, std::nullopt);
        expect_conservation(*gap);
    }
    rig.energy.counters[1].uj = counter_1;
    const auto back = step();
    EXPECT_TRUE(back->zones[1].readable);
    EXPECT_EQ(back->zones[1].total_uj, 5'000'000U) << "all of the gap";
    EXPECT_EQ(back->zones[1].power_uw, std::nullopt) << "it is of four seconds, not of one";
    EXPECT_EQ(back->zones[1].resets, 0U);
    const auto after = step();
    EXPECT_EQ(after->zones[1].power_uw, 1'000'000U);
    EXPECT_EQ(after->power_uw(), 2'000'000U);
    EXPECT_EQ(after->consumers[0].energy_uj(after->zones), 12'000'000U);
    expect_conservation(*after);
}

TEST_F(TwoZones, AZoneThatIsNoLongerListedKeepsItsTotal) {
    rig.energy.counters.pop_back();
    used += 1s;
    rig.use({{a, used}}, used);
    rig.add_energy(1'000'000);
    const auto snapshot = rig.tick();
    ASSERT_EQ(snapshot->zones.size(), 2U);
    EXPECT_FALSE(snapshot->zones[1].readable);
    EXPECT_EQ(snapshot->zones[1].total_uj, 1'000'000U);
    EXPECT_EQ(snapshot->zones[0].total_uj, 2'000'000U);
    EXPECT_EQ(snapshot->zones[0].power_uw, 1'000'000U);
    expect_conservation(*snapshot);
}

TEST_F(TwoZones, AZoneThatAppearsLaterIsChargedFromItsSecondReading) {
    rig.energy.counters.push_back(
        {{"intel-rapl:0:0", "dram", ZoneKind::dram, 0, kRange}, 900'000'000});
    const auto first = step();
    ASSERT_EQ(first->zones.size(), 3U);
    EXPECT_EQ(first->zones[2].total_uj, 0U);
    EXPECT_EQ(first->zones[2].power_uw, std::nullopt);
    rig.energy.counters[2].uj = 900'000'500;
    const auto second = step();
    EXPECT_EQ(second->zones[2].total_uj, 500U);
    EXPECT_EQ(second->zones[2].power_uw, 500U);
    EXPECT_EQ(second->consumers[0].total_uj[2], 500U);
    expect_conservation(*second);
}

TEST_F(TwoZones, ZonesThatComeInAnotherOrderAreNotMixedUp) {
    std::swap(rig.energy.counters[0], rig.energy.counters[1]);
    rig.add_energy(10, 0); // package-1 now
    rig.add_energy(20, 1); // package-0
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[0].zone.id, "intel-rapl:0");
    EXPECT_EQ(snapshot->zones[0].total_uj, 1'000'020U);
    EXPECT_EQ(snapshot->zones[1].total_uj, 1'000'010U);
}

TEST_F(TwoZones, AResetChargesNothingAndIsCounted) {
    counter_1 = 0;
    const auto snapshot = step();
    EXPECT_EQ(snapshot->zones[1].resets, 1U);
    EXPECT_EQ(snapshot->zones[1].wraps, 0U);
    EXPECT_EQ(snapshot->zones[1].total_uj, 1'000'000U);
    EXPECT_EQ(snapshot->zones[1].power_uw, std::nullopt) << "what was used is not known";
    EXPECT_EQ(snapshot->zones[0].power_uw, 1'000'000U);
    const auto after = step();
    EXPECT_EQ(after->zones[1].total_uj, 2'000'000U);
    EXPECT_EQ(after->zones[1].power_uw, 1'000'000U);
    EXPECT_EQ(after->zones[1].resets, 1U);
    expect_conservation(*after);
}

TEST(Meter, ChargesAcrossAWrapAndCountsIt) {
    Rig rig;
    rig.energy.counters[0].uj = kRange - 100;
    rig.use({{consumer("a"), 0s}}, 0s);
    rig.tick();
    rig.energy.counters[0].uj = 899;
    rig.use({{consumer("a"), 1s}}, 1s);
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[0].wraps, 1U);
    EXPECT_EQ(snapshot->zones[0].resets, 0U);
    EXPECT_EQ(snapshot->zones[0].total_uj, 1000U);
    EXPECT_EQ(snapshot->zones[0].power_uw, 1000U);
}

// The host publishes each 5 s and the guest looks each second: 0 W, 0 W, then 2.5 times the power
// is what others made of it.
TEST(Meter, HoldsWhatItHasUntilTheSourceMeasuredAnew) {
    Rig rig;
    const auto a = consumer("a");
    rig.energy.source_interval = 5s;
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.add_energy(50'000'000);
    rig.use({{a, 5s}}, 5s);
    const auto fresh = rig.tick(5s);
    EXPECT_EQ(fresh->power_uw(), 10'000'000U);
    rig.energy.is_silent = true;
    const int collections = rig.source.collections;
    for (int i = 0; i < 4; ++i) {
        rig.use({{a, 6s}}, 6s);
        const auto held = rig.tick();
        EXPECT_EQ(held->sequence, fresh->sequence);
        EXPECT_EQ(held->power_uw(), 10'000'000U);
        EXPECT_TRUE(held->source_up);
    }
    EXPECT_EQ(rig.source.collections, collections) << "CPU times are taken with the energy";
    rig.energy.is_silent = false;
    rig.add_energy(50'000'000);
    rig.use({{a, 10s}}, 10s);
    const auto next = rig.tick();
    EXPECT_EQ(next->sequence, fresh->sequence + 1);
    EXPECT_EQ(next->measured, 5s);
    EXPECT_EQ(next->power_uw(), 10'000'000U);
    EXPECT_EQ(next->consumers[0].total_uj[0], 100'000'000U);
}

// A host agent that died left its guests at 0 W. Nothing is known, so nothing is shown.
TEST(Meter, ShowsNoPowerWhenTheSourceFellSilent) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.add_energy(10'000'000);
    rig.use({{a, 1s}}, 1s);
    const auto fresh = rig.tick();
    rig.energy.is_silent = true;
    SnapshotPtr held;
    for (int i = 0; i < 3; ++i) {
        held = rig.tick();
        EXPECT_TRUE(held->source_up) << "a hiccup";
    }
    held = rig.tick();
    EXPECT_FALSE(held->source_up);
    EXPECT_THAT(held->source_problem, HasSubstr("stand still"));
    EXPECT_EQ(held->power_uw(), std::nullopt);
    EXPECT_EQ(held->zones[0].power_uw, std::nullopt);
    EXPECT_EQ(held->consumers[0].power_uw, std::nullopt);
    EXPECT_EQ(held->consumers[0].cpu_usage, std::nullopt);
    EXPECT_EQ(held->measured, std::nullopt);
    EXPECT_EQ(held->sequence, fresh->sequence);
    EXPECT_EQ(held->consumers[0].total_uj[0], 10'000'000U) << "totals stay";
    EXPECT_EQ(held->ticks, 6U);
    EXPECT_TRUE(fresh->source_up) << "a snapshot that was handed out never changes";

    rig.energy.is_silent = false;
    rig.add_energy(60'000'000);
    rig.use({{a, 6s}}, 6s);
    const auto back = rig.tick(2s);
    EXPECT_TRUE(back->source_up);
    EXPECT_TRUE(back->source_problem.empty());
    EXPECT_EQ(back->measured, 6s);
    EXPECT_EQ(back->power_uw(), 10'000'000U);
    EXPECT_EQ(back->consumers[0].total_uj[0], 70'000'000U);
}

TEST(Meter, IsPatientWithASourceThatIsSlow) {
    Rig rig;
    rig.energy.source_interval = 10s;
    rig.use({}, 0s);
    rig.tick();
    rig.energy.is_silent = true;
    EXPECT_TRUE(rig.tick(30s)->source_up);
    EXPECT_FALSE(rig.tick(1s)->source_up);
}

TEST(Meter, SaysWhyTheSourceIsDownAndKeepsTheTotals) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.add_energy(10'000'000);
    rig.use({{a, 1s}}, 1s);
    rig.tick();
    rig.energy.failure = "the share was unmounted";
    EXPECT_TRUE(rig.tick()->source_up) << "once is no outage";
    const auto down = rig.tick(3s);
    EXPECT_FALSE(down->source_up);
    EXPECT_EQ(down->source_problem, "the source: the share was unmounted");
    EXPECT_EQ(down->zones[0].total_uj, 10'000'000U);
    rig.energy.failure.clear();
    rig.add_energy(40'000'000);
    rig.use({{a, 5s}}, 5s);
    const auto back = rig.tick();
    EXPECT_TRUE(back->source_up);
    EXPECT_EQ(back->power_uw(), 8'000'000U) << "40 J in 5 s";
    expect_conservation(*back);
}

TEST(Meter, StartsWithoutASourceAndSaysSo) {
    Rig rig;
    rig.energy.failure = "there is no share yet";
    const auto down = rig.tick();
    EXPECT_FALSE(down->source_up);
    EXPECT_EQ(down->source_problem, "the source: there is no share yet");
    EXPECT_EQ(down->sequence, 0U);
    EXPECT_EQ(down->power_uw(), std::nullopt);
    EXPECT_EQ(down->ticks, 1U);
    rig.energy.failure.clear();
    EXPECT_TRUE(rig.tick()->source_up);
}

// The host agent was restarted: its ledger went on, so the difference is real, but the two times
// are on different clocks.
TEST(Meter, ChargesTheDifferenceAcrossEpochsButKnowsNoPower) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.energy.epoch = "second";
    rig.energy.sequence = 0;
    rig.add_energy(10'000'000);
    rig.use({{a, 1s}}, 1s);
    const auto snapshot = rig.tick();
    EXPECT_TRUE(snapshot->source_up);
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 10'000'000U);
    EXPECT_EQ(snapshot->measured, std::nullopt);
    EXPECT_EQ(snapshot->power_uw(), std::nullopt);
    rig.add_energy(10'000'000);
    rig.use({{a, 2s}}, 2s);
    EXPECT_EQ(rig.tick()->power_uw(), 10'000'000U);
}

TEST(Meter, TakesTheSameSequenceOfAnotherEpochForNew) {
    Rig rig;
    rig.use({}, 0s);
    rig.tick();
    rig.energy.is_silent = true;
    rig.energy.epoch = "second";
    rig.add_energy(5);
    EXPECT_EQ(rig.tick()->zones[0].total_uj, 5U);
}

TEST(Meter, KnowsNoPowerWhenTheSourcesClockWentBack) {
    Rig rig;
    rig.use({}, 0s);
    rig.tick();
    rig.add_energy(5);
    rig.now.monotonic -= 10s;
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->measured, std::nullopt);
    EXPECT_EQ(snapshot->power_uw(), std::nullopt);
    EXPECT_EQ(snapshot->zones[0].total_uj, 5U);
}

TEST(Meter, CountsAConsumerThatReappearsFromZero) {
    Rig rig;
    const auto a = consumer("a");
    const auto b = consumer("b");
    rig.use({{a, 0s}, {b, 0s}}, 0s);
    rig.tick();
    rig.add_energy(10);
    rig.use({{a, 5s}, {b, 5s}}, 10s);
    rig.tick();
    rig.add_energy(10);
    rig.use({{b, 6s}}, 11s);
    const auto without = rig.tick();
    ASSERT_EQ(without->consumers.size(), 1U);
    EXPECT_EQ(without->zones[0].ended_uj, 5U);
    // A VM that was started again: its clock begins at 0, its total goes on.
    rig.add_energy(10);
    rig.use({{a, 1s}, {b, 7s}}, 13s);
    const auto again = rig.tick();
    ASSERT_EQ(again->consumers.size(), 2U);
    EXPECT_EQ(again->consumers[0].total_uj[0], 5U + 5U);
    EXPECT_EQ(again->zones[0].ended_uj, 0U);
    expect_conservation(*again);
}

TEST(Meter, ChargesANewConsumerForAllOfItsTime) {
    Rig rig;
    rig.use({}, 0s);
    rig.tick();
    rig.add_energy(100);
    rig.use({{consumer("born within the tick"), 400ms}}, 1s);
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 40U);
    EXPECT_EQ(snapshot->zones[0].other_uj, 60U);
}

TEST(Meter, ChargesNothingForAClockThatWentBack) {
    Rig rig;
    const auto a = consumer("a");
    rig.use({{a, 10s}}, 10s);
    rig.tick();
    rig.add_energy(100);
    rig.use({{a, 9s}}, 11s);
    const auto back = rig.tick();
    EXPECT_EQ(back->consumers[0].total_uj[0], 0U);
    rig.add_energy(100);
    rig.use({{a, 10s}}, 12s);
    EXPECT_EQ(rig.tick()->consumers[0].total_uj[0], 100U);
}

// Scaphandre let a new VM inherit the counter of an old one that had its name.
TEST(Meter, BeginsAtZeroForANewVmWithAnOldName) {
    Rig rig;
    const auto old_vm = consumer("uuid-1", "web");
    const auto new_vm = consumer("uuid-2", "web");
    rig.use({{old_vm, 0s}}, 0s);
    rig.tick();
    rig.add_energy(1000);
    rig.use({{old_vm, 1s}}, 1s);
    rig.tick();
    rig.add_energy(10);
    rig.use({{new_vm, 1s}}, 2s);
    const auto snapshot = rig.tick();
    ASSERT_EQ(snapshot->consumers.size(), 1U);
    EXPECT_EQ(snapshot->consumers[0].consumer->key, "uuid-2");
    EXPECT_EQ(snapshot->consumers[0].total_uj[0], 10U);
    EXPECT_EQ(snapshot->zones[0].ended_uj, 1000U);
}

TEST(Meter, ForgetsNobodyWithinTheTimeToKeepAndNothingAfter) {
    Rig rig(Residual::idle, 10s);
    const auto a = consumer("a");
    rig.use({{a, 0s}}, 0s);
    rig.tick();
    rig.add_energy(1000);
    rig.use({{a, 1s}}, 1s);
    rig.tick();
    rig.use({}, 1s);
    rig.tick();
    rig.tick(9s);
    EXPECT_EQ(rig.meter.ledger().accounts().size(), 1U);
    rig.tick(2s);
    EXPECT_TRUE(rig.meter.ledger().accounts().empty());
    const auto snapshot = rig.tick();
    EXPECT_EQ(snapshot->zones[0].ended_uj, 1000U);
    EXPECT_EQ(snapshot->zones[0].total_uj, 1000U);
    expect_conservation(*snapshot);
}

TEST(Meter, GoesOnFromARestoredLedgerWithoutChargingForTheMeantime) {
    Ledger ledger(Residual::idle);
    Account account;
    account.consumer = consumer("a");
    account.total_uj = {700};
    ledger.restore({{{"intel-rapl:0", "package-0", ZoneKind::package, 0, 0}, 1000, 0, 300, 0, 0}},
                   {account});
    Rig rig;
    rig.meter = Meter({"abc", 1s, 1h}, std::move(ledger));
    rig.now.wall = std::chrono::system_clock::time_point(10min);
    rig.use({{consumer("a"), 0s}}, 50s);
    const auto first = rig.tick();
    EXPECT_EQ(first->consumers[0].total_uj[0], 700U);
    EXPECT_EQ(first->zones[0].total_uj, 1000U);
    rig.add_energy(10);
    rig.use({{consumer("a"), 1s}}, 51s);
    const auto second = rig.tick();
    EXPECT_EQ(second->consumers[0].total_uj[0], 710U);
    EXPECT_EQ(second->power_uw(), 10U);
    expect_conservation(*second);
}

TEST(Meter, TellsWhetherEnergyWasEstimated) {
    Rig rig;
    rig.energy.estimated = true;
    EXPECT_TRUE(rig.tick()->estimated);
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

// A host that merges its sockets after a change of configuration has one zone less for its guests.
TEST_F(TwoZones, AZoneThatIsGoneForGoodDoesNotTakeThePowerWithIt) {
    rig.energy.counters.pop_back();
    SnapshotPtr last;
    for (int i = 0; i < 10; ++i) {
        used += 1s;
        rig.use({{a, used}}, used);
        rig.add_energy(1'000'000);
        last = rig.tick();
    }
    EXPECT_EQ(last->power_uw(), 1'000'000U);
}

} // namespace wattvisor
