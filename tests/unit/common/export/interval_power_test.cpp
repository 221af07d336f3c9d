// SPDX-License-Identifier: Apache-2.0
#include "common/export/interval_power.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// A machine of one package; each tick is charged to one process and, where there is one, a VM.
class Ticks {
public:
    Ticks() {
        snapshot_ = test::guest_snapshot();
        snapshot_.zones.resize(1);
        snapshot_.zones[0].total_uj = 500;
        snapshot_.consumers = {
            test::consumer(ConsumerKind::process, "1:10", "systemd", 1, {500}, std::nullopt)};
        snapshot_.measured.reset();
        snapshot_.zones[0].power_uw.reset();
        add();
    }
    void tick(std::uint64_t energy_uj, nanoseconds time) {
        ++snapshot_.sequence;
        snapshot_.measured = time;
        snapshot_.zones[0].total_uj += energy_uj;
        snapshot_.zones[0].power_uw = 1;
        for (ConsumerAccount& account : snapshot_.consumers) {
            account.total_uj[0] += energy_uj;
            account.cpu_time += time / 2;
            account.power_uw = 1;
            account.cpu_usage = 9;
        }
        add();
    }
    void add() { power_.add(std::make_shared<const Snapshot>(snapshot_)); }
    SnapshotPtr take() { return power_.take(); }

    Snapshot& next() { return snapshot_; }

private:
    Snapshot snapshot_;
    IntervalPower power_;
};

TEST(IntervalPower, IsTheEnergyOfTheIntervalByItsTime) {
    Ticks ticks;
    ticks.tick(10'000'000, 1s);
    ticks.tick(20'000'000, 1s);
    ticks.tick(3, 2s);
    const SnapshotPtr mean = ticks.take();
    EXPECT_EQ(mean->measured, 4s);
    EXPECT_EQ(mean->zones[0].power_uw, 7'500'001U); // 30,000,003 microjoules in 4 s
    EXPECT_EQ(mean->consumers[0].power_uw, 7'500'001U);
    EXPECT_DOUBLE_EQ(mean->consumers[0].cpu_usage.value(), 0.5);
    EXPECT_EQ(mean->zones[0].total_uj, 30'000'503U) << "totals stay";
}

TEST(IntervalPower, BeginsAnewWithEachInterval) {
    Ticks ticks;
    ticks.tick(10'000'000, 1s);
    EXPECT_EQ(ticks.take()->power_uw(), 10'000'000U);
    ticks.tick(1'000'000, 1s);
    EXPECT_EQ(ticks.take()->power_uw(), 1'000'000U);
}

// In 64 bits the product with the nanoseconds of a second would have wrapped.
TEST(IntervalPower, IsExactForMuchEnergy) {
    Ticks ticks;
    ticks.tick(3'600'000'000'000'001, 1h); // a megawatt
    EXPECT_EQ(ticks.take()->power_uw(), 1'000'000'000'000U);
}

TEST(IntervalPower, IsNotKnownWhereATickWasNot) {
    Ticks ticks;
    ticks.tick(10, 1s);
    ticks.next().zones[0].power_uw.reset();
    ++ticks.next().sequence;
    ticks.add(); // a counter that was reset: what it used is charged to nobody
    ticks.tick(10, 1s);
    const SnapshotPtr mean = ticks.take();
    EXPECT_EQ(mean->zones[0].power_uw, std::nullopt);
    EXPECT_EQ(mean->consumers[0].power_uw, std::nullopt);
    ticks.tick(10, 1s);
    EXPECT_EQ(ticks.take()->power_uw(), 10U) << "the next interval is whole again";
}

TEST(IntervalPower, BeginsAnewWhereTheTimeIsNotKnown) {
    Ticks ticks;
    ticks.tick(1'000, 1s);
    ticks.next().measured.reset(); // the host agent began anew
    ticks.next().zones[0].total_uj += 999'999;
    ++ticks.next().sequence;
    ticks.add();
    ticks.tick(20, 2s);
    const SnapshotPtr mean = ticks.take();
    EXPECT_EQ(mean->measured, 2s);
    EXPECT_EQ(mean->power_uw(), 10U);
}

TEST(IntervalPower, CountsAProcessFromItsBeginningAndAVmFromItsFirstSight) {
    Ticks ticks;
    ticks.tick(10, 1s);
    ticks.next().consumers.push_back(
        test::consumer(ConsumerKind::process, "2:20", "new", 2, {0}, 0));
    // Its total is from before this agent: nobody uses a kilojoule in a second.
    ticks.next().consumers.push_back(
        test::consumer(ConsumerKind::vm, "uuid", "db", 3, {1'000'000'000}, 0));
    ticks.tick(30, 1s);
    ticks.tick(40, 2s);
    const SnapshotPtr mean = ticks.take();
    EXPECT_EQ(mean->consumers[1].power_uw, 18U); // 70 in 4 s
    EXPECT_EQ(mean->consumers[2].power_uw, 10U); // 40 in 4 s
}

TEST(IntervalPower, SaysWhatWasReadAndWrittenInTheInterval) {
    Ticks ticks;
    auto resources = std::make_shared<ProcessResources>();
    resources->read_bytes = 100;
    ticks.next().consumers[0].resources = resources;
    ticks.tick(1, 1s);
    ticks.take();
    resources = std::make_shared<ProcessResources>();
    resources->read_bytes = 350;
    resources->recent_read_bytes = 3;
    ticks.next().consumers[0].resources = resources;
    ticks.tick(1, 1s);
    const SnapshotPtr mean = ticks.take();
    EXPECT_EQ(mean->consumers[0].resources->recent_read_bytes, 250U);
    EXPECT_EQ(mean->consumers[0].resources->recent_written_bytes, std::nullopt);
}

} // namespace
} // namespace wattvisor
