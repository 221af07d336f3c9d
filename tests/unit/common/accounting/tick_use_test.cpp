// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/tick_use.hpp"
#include "tests/unit/common/accounting/meter_rig.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using test::consumer;
using test::topology_of;
using Numbers = std::vector<std::uint64_t>;

constexpr std::uint64_t kSecond = 1'000'000'000;

Zone zone(ZoneKind kind, unsigned socket) {
    return {"intel-rapl:" + std::to_string(socket), "zone", kind, socket, 0};
}

// Takes one sample after the other, each a second long, as the meter does.
class TickUseTest : public testing::Test {
protected:
    void take(const std::vector<std::pair<ConsumerPtr, SocketTimes>>& times,
              std::optional<SocketTimes> busy) {
        sample.consumers.clear();
        for (const auto& [who, time] : times) {
            sample.consumers.push_back({who, time, {}, {}});
            if (const auto known = moved.find(who); known != moved.end()) {
                sample.consumers.back().moved = known->second;
            }
        }
        sample.busy_time = std::move(busy);
        take();
    }
    void take() {
        use.take(sample, measured, ledger);
        std::vector<AccountUse> listed;
        for (Account* account : use.accounts()) {
            listed.push_back({account, 0});
        }
        const std::chrono::system_clock::time_point now{1h};
        ledger.close_unlisted(listed, now, now - 1min);
    }

    UsageSample sample;
    std::map<ConsumerPtr, SocketTimes> moved; // in the next sample
    std::optional<nanoseconds> measured{1s};
    Ledger ledger{Residual::idle};
    TickUse use;
    ConsumerPtr a = consumer("a", "vm", 4);
    ConsumerPtr b = consumer("b", "vm", 2);
};

class TwoSockets : public TickUseTest {
protected:
    TwoSockets() {
        sample.topology = topology_of({0, 3}, 4); // package ids may have gaps
        sample.busy_error = 50ms;
    }
    [[nodiscard]] const TickUse::Column& first() const {
        return use.of_zone(zone(ZoneKind::package, 0));
    }
    [[nodiscard]] const TickUse::Column& second() const {
        return use.of_zone(zone(ZoneKind::package, 3));
    }
};

TEST_F(TickUseTest, TakesAllCpusForOneSocketWhereSocketsAreNotKnown) {
    take({{a, {0s}}, {b, {0s}}}, SocketTimes{0s});
    take({{a, {2s}}, {b, {1s}}}, SocketTimes{5s});
    EXPECT_EQ(use.whole().used_ns, (Numbers{2 * kSecond, kSecond}));
    EXPECT_EQ(use.whole().other_ns, 2 * kSecond);
    EXPECT_EQ(use.whole().capacity_ns, 0U) << "how many CPUs there are is not known";
    EXPECT_EQ(&use.of_zone(zone(ZoneKind::package, 7)), &use.whole());
    EXPECT_EQ(&use.of_zone(zone(ZoneKind::psys, 0)), &use.whole());
    EXPECT_EQ(use.vcpus(), (Numbers{4, 2}));
    ASSERT_EQ(use.accounts().size(), 2U);
    EXPECT_EQ(use.accounts()[1]->consumer, b);
}

TEST_F(TwoSockets, KeepsTheTimesOfEachSocketApart) {
    take({{a, {0s, 0s}}, {b, {0s, 0s}}}, SocketTimes{0s, 0s});
    take({{a, {1s, 2s}}, {b, {0s, 1s}}}, SocketTimes{3s, 4s});
    EXPECT_EQ(first().used_ns, (Numbers{kSecond, 0}));
    EXPECT_EQ(second().used_ns, (Numbers{2 * kSecond, kSecond}));
    EXPECT_EQ(first().other_ns, 2 * kSecond);
    EXPECT_EQ(second().other_ns, kSecond);
    EXPECT_EQ(use.whole().used_ns, (Numbers{3 * kSecond, kSecond}));
    EXPECT_EQ(use.whole().other_ns, 3 * kSecond);
    EXPECT_EQ(first().capacity_ns, 4 * kSecond);
    EXPECT_EQ(use.whole().capacity_ns, 8 * kSecond);
}

TEST_F(TwoSockets, GivesTheWholeMachineToZonesOfNoSocketOfItsOwn) {
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    EXPECT_EQ(&use.of_zone(zone(ZoneKind::psys, 0)), &use.whole());
    EXPECT_EQ(&use.of_zone(zone(ZoneKind::package, 1)), &use.whole()) << "there is no package 1";
    EXPECT_EQ(&use.of_zone(zone(ZoneKind::dram, 3)), &second());
    EXPECT_NE(&first(), &second());
}

// A source that has seen a consumer on one socket only says nothing of the other.
TEST_F(TwoSockets, TakesTimesThatAreNotThereForNone) {
    take({{a, {}}}, SocketTimes{0s, 0s});
    take({{a, {1s}}}, SocketTimes{1s, 0s});
    EXPECT_EQ(first().used_ns, (Numbers{kSecond}));
    EXPECT_EQ(second().used_ns, (Numbers{0}));
    EXPECT_EQ(second().other_ns, 0U);
}

TEST_F(TwoSockets, CarriesTheLagOfBusyTimePerSocket) {
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    take({{a, {1s, 0s}}}, SocketTimes{960ms, 0s}); // socket 0 lags
    EXPECT_EQ(first().other_ns, 0U);
    take({{a, {1s, 0s}}},
         SocketTimes{1s, 40ms}); // what catches up on 0 is no other work; on 1 it is
    EXPECT_EQ(first().other_ns, 0U);
    EXPECT_EQ(second().other_ns, 40'000'000U);
    take({{a, {1s, 0s}}}, SocketTimes{1040ms, 40ms});
    EXPECT_EQ(first().other_ns, 40'000'000U) << "the lag is paid";
}

// One wrong reading must not hide other work for hours.
TEST_F(TwoSockets, CarriesNoMoreLagThanAReadingAndTheOneBeforeCanHave) {
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    take({{a, {9s, 0s}}}, SocketTimes{0s, 0s});
    take({{a, {9s, 0s}}}, SocketTimes{300ms, 0s});
    EXPECT_EQ(first().other_ns, 200'000'000U) << "twice 50 ms of the 9 s are remembered";
}

TEST_F(TwoSockets, CountsABusyTimeThatCouldNotBeReadWithTheNext) {
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    take({{a, {2s, 1s}}}, std::nullopt);
    EXPECT_EQ(first().other_ns, 0U);
    EXPECT_EQ(second().other_ns, 0U);
    take({{a, {3s, 1s}}}, SocketTimes{4s, 1s});
    EXPECT_EQ(first().other_ns, kSecond) << "4 s less the 3 s of both ticks";
    EXPECT_EQ(second().other_ns, 0U);
}

// Busy time is counted from its first reading, so what was used before is not in it: it would be
// taken for a lag, and hide other work of the next tick.
TEST_F(TwoSockets, OwesNothingBeforeTheFirstReadingOfBusyTime) {
    take({{a, {30ms, 0s}}}, std::nullopt);
    take({{a, {1s, 0s}}}, SocketTimes{0s, 0s});
    EXPECT_EQ(first().other_ns, 0U);
    take({{a, {1s, 0s}}}, SocketTimes{90ms, 0s});
    EXPECT_EQ(first().other_ns, 90'000'000U);
}

TEST_F(TwoSockets, BeginsBusyTimeAnewWhenSocketsChange) {
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    sample.topology = topology_of({0}, 8);
    take({{a, {1s}}}, SocketTimes{500s});
    EXPECT_EQ(use.whole().other_ns, 0U) << "counted over other CPUs";
    take({{a, {1s}}}, SocketTimes{501s});
    EXPECT_EQ(use.whole().other_ns, kSecond);
    EXPECT_EQ(use.whole().capacity_ns, 8 * kSecond);
}

TEST_F(TwoSockets, KnowsNoCapacityOfATimeThatWasNotMeasured) {
    measured.reset();
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    EXPECT_EQ(first().capacity_ns, 0U);
    measured = 250ms;
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    EXPECT_EQ(first().capacity_ns, kSecond) << "4 CPUs for a quarter of a second";
}

TEST_F(TwoSockets, CountsAConsumerThatCameBackFromZero) {
    take({{a, {5s, 0s}}}, SocketTimes{5s, 0s});
    take({}, SocketTimes{5s, 0s});
    take({{a, {1s, 0s}}}, SocketTimes{6s, 0s});
    EXPECT_EQ(first().used_ns, (Numbers{kSecond}));
}

TEST_F(TwoSockets, TakesAClockThatWentBackForNoTime) {
    take({{a, {5s, 0s}}}, SocketTimes{5s, 0s});
    take({{a, {4s, 0s}}}, SocketTimes{5s, 0s});
    EXPECT_EQ(first().used_ns, (Numbers{0}));
}

// Threads' files tell where a thread is, not where it was: all that it did in a tick was claimed on
// the socket to which it had gone, and what it did on the other was charged to others.
TEST_F(TwoSockets, MovesWhatWasClaimedBeyondBusyTimeToTheSocketThatWasBusy) {
    take({{a, {0s, 0s}}, {b, {0s, 0s}}}, SocketTimes{0s, 0s});
    take({{a, {1s, 0s}}, {b, {0s, 1s}}}, SocketTimes{1s, 1s});
    moved[a] = {0s, 1s};
    take({{a, {1s, 1s}}, {b, {0s, 2s}}}, SocketTimes{1700ms, 2300ms}); // a went late
    EXPECT_EQ(first().used_ns, (Numbers{700'000'000, 0}));
    EXPECT_EQ(second().used_ns, (Numbers{300'000'000, kSecond})) << "b was there";
    EXPECT_EQ(first().other_ns, 0U);
    EXPECT_EQ(second().other_ns, 0U);
    EXPECT_EQ(use.whole().used_ns, (Numbers{kSecond, kSecond}));
    moved.clear();
    take({{a, {1s, 1s}}, {b, {0s, 2s}}}, SocketTimes{1800ms, 2400ms});
    EXPECT_EQ(first().other_ns, 100'000'000U) << "what was moved is no lag";
    EXPECT_EQ(second().other_ns, 100'000'000U);
}

// Busy time is coarse: a claim that nothing speaks against stays where it is.
TEST_F(TwoSockets, MovesNoClaimOfThreadsThatStayed) {
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    take({{a, {1s, 1s}}}, SocketTimes{1s, 1s});
    moved[a] = {0s, 5ms};
    take({{a, {1s, 2s}}}, SocketTimes{1030ms, 1970ms});
    EXPECT_EQ(first().used_ns, (Numbers{5'000'000}));
    EXPECT_EQ(first().other_ns, 25'000'000U);
    EXPECT_EQ(second().used_ns, (Numbers{995'000'000}));
    moved.clear();
    take({{a, {1s, 2s}}}, SocketTimes{1030ms, 2s});
    EXPECT_EQ(second().other_ns, 5'000'000U) << "25 ms were a lag";
}

TEST_F(TwoSockets, MovesNoMoreThanWasBusyAndUnclaimed) {
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    take({{a, {1s, 1s}}}, SocketTimes{1s, 1s});
    moved[a] = {0s, 9s}; // of 1 s
    take({{a, {1s, 2s}}}, SocketTimes{1010ms, 1950ms});
    EXPECT_EQ(first().used_ns, (Numbers{10'000'000}));
    EXPECT_EQ(second().used_ns, (Numbers{990'000'000}));
    take({{a, {1s, 2s}}}, SocketTimes{1010ms, 2s});
    EXPECT_EQ(second().other_ns, 10'000'000U) << "40 ms were a lag";
}

TEST_F(TwoSockets, MovesNoMoreOfAConsumerThanItUsed) {
    take({{a, {0s, 0s}}, {b, {0s, 0s}}}, SocketTimes{0s, 0s});
    take({{a, {1s, 1s}}, {b, {1s, 1s}}}, SocketTimes{2s, 2s});
    moved[a] = {0s, 9s}; // of 10 ms
    take({{a, {1s, 1010ms}}, {b, {1s, 2s}}}, SocketTimes{3s, 2s});
    EXPECT_EQ(second().used_ns, (Numbers{0, kSecond}));
    EXPECT_EQ(first().used_ns, (Numbers{10'000'000, 0}));
}

TEST_F(TwoSockets, MovesNothingToWhereAConsumerHasNeverBeen) {
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    moved[a] = {0s, 1s};
    take({{a, {0s, 1s}}}, SocketTimes{500ms, 500ms});
    EXPECT_EQ(first().used_ns, (Numbers{0}));
    EXPECT_EQ(second().used_ns, (Numbers{kSecond}));
    EXPECT_EQ(first().other_ns, 500'000'000U);
}

TEST_F(TwoSockets, MovesClaimsInProportionInWhateverOrderTheyAreListed) {
    for (const bool is_turned : {false, true}) {
        use = TickUse{};
        ledger = Ledger{Residual::idle};
        moved.clear();
        const auto take_both = [&](SocketTimes of_a, SocketTimes of_b, SocketTimes busy) {
            std::vector<std::pair<ConsumerPtr, SocketTimes>> both{{a, std::move(of_a)},
                                                                  {b, std::move(of_b)}};
            if (is_turned) {
                std::reverse(both.begin(), both.end());
            }
            take(both, std::move(busy));
        };
        take_both({0s, 0s}, {0s, 0s}, {0s, 0s});
        take_both({1s, 1s}, {1s, 1s}, {2s, 2s});
        moved[a] = {0s, 1s};
        moved[b] = {0s, 2s};
        take_both({1s, 2s}, {1s, 3s}, {2s + 1ns, 5s - 1ns});
        EXPECT_EQ(first().used_ns, (Numbers{0, 0})) << "one nanosecond does not divide";
        take_both({1s, 3s}, {1s, 5s}, {3s + 1ns, 7s - 1ns});
        const std::size_t at_a = is_turned ? 1 : 0;
        EXPECT_EQ(first().used_ns[at_a], 333'333'333U);
        EXPECT_EQ(first().used_ns[1 - at_a], 666'666'666U);
        EXPECT_EQ(second().used_ns[at_a], 666'666'667U);
        EXPECT_EQ(second().used_ns[1 - at_a], 1'333'333'334U);
    }
}

TEST_F(TwoSockets, MovesNothingWhileBusyTimeCannotBeRead) {
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    moved[a] = {1s, 0s};
    take({{a, {1s, 1s}}}, std::nullopt);
    EXPECT_EQ(first().used_ns, (Numbers{kSecond}));
    moved.clear();
    take({{a, {1s, 1s}}}, SocketTimes{1s, 1s});
    EXPECT_EQ(first().other_ns, 0U);
    EXPECT_EQ(second().other_ns, 0U);
}

// At 100 ms the noise of busy time made ticks in which a VM ran a little into others' ticks.
TEST_F(TwoSockets, ChargesOthersOverASecondWhereTicksAreShort) {
    measured = 100ms;
    take({{a, {0s, 0s}}}, SocketTimes{0s, 0s});
    take({{a, {0s, 0s}}}, SocketTimes{30ms, 80ms});
    EXPECT_EQ(first().other_ns, 3'000'000U);
    EXPECT_EQ(second().other_ns, 35'000'000U) << "5 ms of 50, and 30 that cannot be an error";
    take({{a, {10ms, 0s}}}, SocketTimes{30ms, 80ms});
    EXPECT_EQ(first().other_ns, 1'700'000U) << "10 ms of the 27 that were left are a's";
    measured = 1s;
    take({{a, {10ms, 0s}}}, SocketTimes{30ms, 80ms});
    EXPECT_EQ(first().other_ns, 15'300'000U) << "all that is left";
}

TEST_F(TwoSockets, KnowsTheMemoryOnEachSocketAndOfAllOthers) {
    sample.consumers = {{a, {0s, 0s}, {}, {100, 10}}, {b, {0s, 0s}, {}, {50}}};
    sample.used_memory = {200, 5};
    take();
    EXPECT_EQ(first().resident, (Numbers{100, 50}));
    EXPECT_EQ(first().other_resident, 50U);
    EXPECT_EQ(second().resident, (Numbers{10, 0})) << "a socket beyond the end has none";
    EXPECT_EQ(second().other_resident, 0U) << "read one after the other, sums can disagree";
    EXPECT_TRUE(first().is_memory_known);
    EXPECT_FALSE(use.whole().is_memory_known);
}

TEST_F(TwoSockets, KnowsNoMemoryWhereTheSampleHasNone) {
    sample.consumers = {{a, {0s, 0s}, {}, {100, 10}}};
    sample.used_memory = {200, 5};
    take();
    sample.used_memory = {200}; // of another number of sockets
    take();
    EXPECT_FALSE(first().is_memory_known);
    EXPECT_FALSE(second().is_memory_known);
}

// Ties between consumers that are owed alike are decided by their numbers. /proc and libvirt list
// in any order, and nobody's energy may depend on it.
TEST_F(TickUseTest, NumbersNewConsumersByTheirKeysInWhateverOrderTheyAreListed) {
    take({{consumer("m"), {0s}}}, SocketTimes{0s});
    take({{consumer("z"), {0s}}, {consumer("m"), {0s}}, {consumer("c"), {0s}}}, SocketTimes{0s});
    ASSERT_EQ(use.accounts().size(), 3U);
    EXPECT_EQ(use.accounts()[0]->consumer->key, "z") << "in the order of the sample";
    EXPECT_EQ(use.accounts()[1]->consumer->key, "m");
    EXPECT_EQ(use.accounts()[2]->consumer->key, "c");
    EXPECT_LT(use.accounts()[1]->id, use.accounts()[2]->id) << "m was there before";
    EXPECT_LT(use.accounts()[2]->id, use.accounts()[0]->id) << "c before z";
}

} // namespace
} // namespace wattvisor
