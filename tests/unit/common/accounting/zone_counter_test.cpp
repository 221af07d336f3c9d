// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/zone_counter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::HasSubstr;

constexpr std::uint64_t kRange = 100'000'000'000;
constexpr std::uint64_t kFar = 50'000'000'000; // more than any zone uses in a second or two

// A counter that is read once a second.
class ZoneCounterTest : public testing::Test {
protected:
    CounterDelta read(std::uint64_t value, nanoseconds step = 1s) {
        return read_anything(value, step);
    }
    CounterDelta fail(nanoseconds step = 1s) {
        return read_anything(Error{Severity::transient, "is empty", "zone", {}}, step);
    }
    void miss(nanoseconds step = 1s) {
        counter.expect();
        now += step;
    }
    // The reading after the machine was suspended for an hour.
    CounterDelta read_after_sleep(std::uint64_t value) {
        counter.expect();
        now += 1h;
        return counter.read({value, kRange, now, true, moves_always});
    }
    void stand_still(std::uint64_t value, int readings, nanoseconds step = 1s) {
        for (int i = 0; i < readings; ++i) {
            read(value, step);
        }
    }

    ZoneCounter counter;
    bool moves_always = true;

private:
    CounterDelta read_anything(const Result<std::uint64_t>& value, nanoseconds step) {
        counter.expect();
        now += step;
        return counter.read({value, kRange, now, false, moves_always});
    }
    nanoseconds now{100s};
};

TEST_F(ZoneCounterTest, IsNotThereBeforeItIsRead) {
    EXPECT_FALSE(counter.is_listed());
    EXPECT_FALSE(counter.is_measured());
    EXPECT_EQ(counter.last_uj(), std::nullopt);
    EXPECT_THAT(counter.problem(), HasSubstr("not read yet"));
}

TEST_F(ZoneCounterTest, MeasuresFromItsSecondReading) {
    EXPECT_EQ(read(500).step, CounterStep::first);
    EXPECT_TRUE(counter.is_listed());
    EXPECT_FALSE(counter.is_measured());
    EXPECT_EQ(counter.delta_uj(), 0U);
    EXPECT_EQ(counter.problem(), "");
    read(700);
    EXPECT_TRUE(counter.is_measured());
    EXPECT_EQ(counter.delta_uj(), 200U);
    EXPECT_EQ(counter.span(), 1s);
    EXPECT_EQ(counter.last_uj(), 700U);
}

TEST_F(ZoneCounterTest, MeasuresAcrossAWrap) {
    read(kRange - 10);
    EXPECT_EQ(read(89).step, CounterStep::wrapped);
    EXPECT_EQ(counter.delta_uj(), 100U);
    EXPECT_TRUE(counter.is_measured());
}

TEST_F(ZoneCounterTest, DoesNotKnowWhatAResetOrAJumpUsed) {
    read(kFar);
    EXPECT_EQ(read(5).step, CounterStep::reset);
    EXPECT_EQ(counter.delta_uj(), 0U);
    EXPECT_FALSE(counter.is_measured());
    EXPECT_EQ(counter.problem(), "") << "it can be read";
    EXPECT_EQ(read(kFar).step, CounterStep::jumped);
    EXPECT_EQ(counter.delta_uj(), 0U);
    EXPECT_FALSE(counter.is_measured());
    EXPECT_EQ(read(kFar + 3).energy_uj, 3U) << "it goes on from where it leapt to";
    EXPECT_TRUE(counter.is_measured());
}

// In a long gap a zone can use what would be a jump in a second.
TEST_F(ZoneCounterTest, AllowsMoreEnergyForALongerTime) {
    read(0);
    EXPECT_EQ(read(20'000'000'000).step, CounterStep::advanced) << "10 kW and a second more";
    EXPECT_EQ(read(40'000'000'001).step, CounterStep::jumped);
    fail(3s);
    EXPECT_EQ(read(90'000'000'001, 1s).step, CounterStep::advanced) << "of four seconds, and one";
}

// Scaphandre #147: an unreadable counter was 0; when it came back, 53 kW.
TEST_F(ZoneCounterTest, ChargesAGapWhenItCanBeReadAgainWithoutPower) {
    read(1'000);
    EXPECT_EQ(fail().energy_uj, 0U);
    EXPECT_TRUE(counter.is_listed());
    EXPECT_FALSE(counter.is_measured());
    EXPECT_EQ(counter.delta_uj(), 0U);
    EXPECT_THAT(counter.problem(), HasSubstr("is empty"));
    EXPECT_EQ(counter.last_uj(), 1'000U);
    fail();
    read(1'600);
    EXPECT_EQ(counter.delta_uj(), 600U);
    EXPECT_EQ(counter.span(), 3s);
    EXPECT_FALSE(counter.is_measured()) << "it is of three seconds, not of one";
    read(1'700);
    EXPECT_TRUE(counter.is_measured());
    EXPECT_EQ(counter.span(), 1s);
}

TEST_F(ZoneCounterTest, ChargesTheGapOfAZoneThatWasNotThere) {
    read(1'000);
    miss();
    EXPECT_FALSE(counter.is_listed());
    EXPECT_EQ(counter.delta_uj(), 0U);
    EXPECT_FALSE(counter.is_measured());
    EXPECT_THAT(counter.problem(), HasSubstr("no longer there"));
    read(1'500);
    EXPECT_TRUE(counter.is_listed());
    EXPECT_EQ(counter.delta_uj(), 500U);
    EXPECT_FALSE(counter.is_measured());
}

TEST_F(ZoneCounterTest, IsFrozenAfterTenReadingsAndTenSecondsWithoutAMicrojoule) {
    read(1'000);
    stand_still(1'000, 9);
    EXPECT_TRUE(counter.is_measured()) << "9 readings: a tick can be short";
    EXPECT_EQ(counter.problem(), "");
    read(1'000);
    EXPECT_FALSE(counter.is_measured());
    EXPECT_THAT(counter.problem(), HasSubstr("stands still at 1000"));
    EXPECT_FALSE(counter.is_dead()) << "it did count once";
    EXPECT_TRUE(counter.is_listed());
}

TEST_F(ZoneCounterTest, IsNotFrozenBeforeTenSecondsHoweverOftenItIsRead) {
    read(1'000);
    stand_still(1'000, 99, 100ms); // 9.9 s
    EXPECT_EQ(counter.problem(), "");
    read(1'000, 100ms);
    EXPECT_THAT(counter.problem(), HasSubstr("stands still"));
}

TEST_F(ZoneCounterTest, IsNotFrozenAfterTenSecondsThatWereFewReadings) {
    read(1'000);
    stand_still(1'000, 9, 1h);
    EXPECT_EQ(counter.problem(), "");
}

TEST_F(ZoneCounterTest, CountsStillReadingsAnewAfterItMoved) {
    read(1'000);
    stand_still(1'000, 9);
    read(2'000);
    stand_still(2'000, 1, 1h);
    EXPECT_EQ(counter.problem(), "") << "one reading, however long it took";
}

TEST_F(ZoneCounterTest, GoesOnAfterItWasFrozenAndChargesTheTimeWithoutPower) {
    read(1'000);
    stand_still(1'000, 12);
    read(3'000);
    EXPECT_EQ(counter.problem(), "");
    EXPECT_EQ(counter.delta_uj(), 2'000U);
    EXPECT_EQ(counter.span(), 13s);
    EXPECT_FALSE(counter.is_measured()) << "2 mJ in 13 s are not 2 mW";
    read(3'100);
    EXPECT_TRUE(counter.is_measured());
    stand_still(3'100, 9);
    EXPECT_EQ(counter.problem(), "") << "it is counted anew";
}

// Some processors show a dram zone that never counts; the others' power is known nevertheless.
TEST_F(ZoneCounterTest, IsDeadWhereItNeverCountedAnything) {
    read(0);
    stand_still(0, 9);
    EXPECT_FALSE(counter.is_dead());
    read(0);
    EXPECT_TRUE(counter.is_dead());
    read(7);
    EXPECT_FALSE(counter.is_dead());
    EXPECT_EQ(counter.delta_uj(), 7U);
}

// A share stands still while its VM does nothing.
TEST_F(ZoneCounterTest, IsNeverFrozenWhereItNeedNotMove) {
    moves_always = false;
    read(1'000);
    stand_still(1'000, 50);
    EXPECT_EQ(counter.problem(), "");
    EXPECT_TRUE(counter.is_measured());
    EXPECT_EQ(counter.span(), 1s);
}

// Firmware starts counters anew when the machine wakes: that looks like a wrap near the edge.
TEST_F(ZoneCounterTest, IsResetAndNotWrappedAfterASleep) {
    read(kRange - 10);
    EXPECT_EQ(read_after_sleep(89).step, CounterStep::reset);
    EXPECT_EQ(counter.delta_uj(), 0U);
    EXPECT_FALSE(counter.is_measured());
}

TEST_F(ZoneCounterTest, ChargesWhatASleepUsedWithoutPower) {
    read(1'000);
    EXPECT_EQ(read_after_sleep(5'000), (CounterDelta{CounterStep::advanced, 4'000}));
    EXPECT_FALSE(counter.is_measured());
    EXPECT_EQ(counter.delta_uj(), 4'000U);
    EXPECT_EQ(counter.span(), 1h);
    read(5'100);
    EXPECT_TRUE(counter.is_measured());
}

} // namespace
} // namespace wattvisor
