// SPDX-License-Identifier: Apache-2.0
#include "common/usage/short_lives.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// What the consumers are after these processes ended in one tick.
std::vector<ConsumerUsage> after(ShortLives& lives, const std::vector<ShortLife>& ended) {
    lives.add(ended);
    std::vector<ConsumerUsage> consumers;
    lives.append_to(consumers);
    return consumers;
}

nanoseconds time_of(const std::vector<ConsumerUsage>& consumers, const std::string& name) {
    const auto found =
        std::find_if(consumers.begin(), consumers.end(),
                     [&name](const ConsumerUsage& used) { return used.consumer->name == name; });
    return found == consumers.end() ? -1ns : total_of(found->cpu_time);
}

std::vector<ShortLife> of_many_names(std::size_t names) {
    std::vector<ShortLife> ended;
    for (std::size_t i = 0; i < names; ++i) {
        ended.push_back({1, "job-" + std::to_string(i), {1ms}});
    }
    return ended;
}

// A build starts ten thousand compilers that no look at /proc ever sees: their time was lost.
TEST(ShortLives, AreOneConsumerByNameAndAddUp) {
    ShortLives lives;
    const auto first = after(lives, {{1, "cc1", {3ms}}, {1, "as", {1ms}}, {1, "cc1", {4ms}}});
    ASSERT_EQ(first.size(), 2U);
    EXPECT_EQ(time_of(first, "cc1"), 7ms);
    EXPECT_EQ(time_of(first, "as"), 1ms);
    const auto second = after(lives, {{1, "cc1", {2ms}}});
    EXPECT_EQ(time_of(second, "cc1"), 9ms) << "since watched, as of every consumer";
    EXPECT_EQ(time_of(second, "as"), 1ms);
}

TEST(ShortLives, AreProcessesWhoseKeyNoPidCanHave) {
    ShortLives lives;
    const auto consumers = after(lives, {{1, "cc1", {3ms}}});
    ASSERT_EQ(consumers.size(), 1U);
    EXPECT_EQ(consumers[0].consumer->key, "short-lived:cc1");
    EXPECT_EQ(consumers[0].consumer->kind, ConsumerKind::process);
    EXPECT_EQ(consumers[0].consumer->exe, "cc1");
    EXPECT_EQ(consumers[0].consumer->pid, 0);
    EXPECT_EQ(after(lives, {})[0].consumer, consumers[0].consumer) << "made once";
}

TEST(ShortLives, KeepSocketsApart) {
    ShortLives lives;
    after(lives, {{1, "cc1", {1ms}}});
    const auto consumers = after(lives, {{1, "cc1", {1ms, 5ms}}});
    EXPECT_EQ(consumers[0].cpu_time, (SocketTimes{2ms, 5ms}));
}

// A process chooses its name: one that changes it for each child must not fill our memory.
TEST(ShortLives, HaveABoundedNumberOfNamesAndOneForAllOthers) {
    ShortLives lives;
    const auto consumers = after(lives, of_many_names(ShortLives::kMostNames + 50));
    EXPECT_EQ(consumers.size(), ShortLives::kMostNames + 1);
    EXPECT_EQ(time_of(consumers, ShortLives::kOverflow), 50ms) << "nothing is lost";
    const auto again = after(lives, {{1, "one more", {1ms}}, {1, "job-3", {1ms}}});
    EXPECT_EQ(again.size(), ShortLives::kMostNames + 1);
    EXPECT_EQ(time_of(again, ShortLives::kOverflow), 51ms);
    EXPECT_EQ(time_of(again, "job-3"), 2ms) << "a name that is known stays itself";
}

TEST(ShortLives, AreForgottenWhenTheirNameWasNotSeenForLong) {
    ShortLives lives;
    after(lives, of_many_names(ShortLives::kMostNames));
    for (int tick = 0; tick < 600; ++tick) {
        after(lives, {{1, "job-0", {1ms}}});
    }
    const auto kept = after(lives, {{1, "job-0", {1ms}}});
    EXPECT_EQ(kept.size(), 1U);
    EXPECT_EQ(time_of(kept, "job-0"), 602ms);
    EXPECT_EQ(time_of(after(lives, {{1, "new", {1ms}}}), "new"), 1ms) << "there is room again";
}

TEST(ShortLives, AreKeptForTenMinutesOfTicks) {
    ShortLives lives;
    after(lives, {{1, "cc1", {1ms}}});
    for (int tick = 0; tick < 599; ++tick) {
        after(lives, {});
    }
    EXPECT_EQ(after(lives, {}).size(), 1U);
    EXPECT_TRUE(after(lives, {}).empty());
}

TEST(AddTimes, GrowsToTheSocketsThatThereAre) {
    SocketTimes sum{1ns};
    add_times(sum, {2ns, 3ns});
    EXPECT_EQ(sum, (SocketTimes{3ns, 3ns}));
    add_times(sum, {1ns});
    EXPECT_EQ(sum, (SocketTimes{4ns, 3ns}));
}

TEST(Difference, IsPerSocketAndNeverNegative) {
    EXPECT_EQ(difference({5ns, 3ns}, {1ns, 4ns}), (SocketTimes{4ns, 0ns}));
    EXPECT_EQ(difference({5ns, 3ns}, {1ns}), (SocketTimes{4ns, 3ns}));
    EXPECT_EQ(difference({5ns}, {1ns, 1ns}), (SocketTimes{4ns}));
}

} // namespace
} // namespace wattvisor
