// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/push_queue.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace wattvisor {
namespace {

PushMessage message(char name, std::size_t bytes, std::size_t values = 1) {
    return {std::string(bytes, name), values};
}

TEST(PushQueue, HandsOutInOrder) {
    PushQueue queue(100);
    EXPECT_EQ(queue.push({message('a', 10), message('b', 10)}), 0U);
    EXPECT_EQ(queue.push({message('c', 10)}), 0U);
    EXPECT_EQ(queue.bytes(), 30U);
    for (const char name : {'a', 'b', 'c'}) {
        const auto item = queue.take();
        ASSERT_TRUE(item);
        EXPECT_EQ(item->message.bytes[0], name);
    }
    EXPECT_FALSE(queue.take());
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.bytes(), 0U);
}

TEST(PushQueue, DropsTheOldestAndCountsItsValues) {
    PushQueue queue(25);
    EXPECT_EQ(queue.push({message('a', 10, 7)}), 0U);
    EXPECT_EQ(queue.push({message('b', 10, 5)}), 0U);
    EXPECT_EQ(queue.push({message('c', 10, 3)}), 7U);
    EXPECT_EQ(queue.take()->message.bytes[0], 'b');
}

TEST(PushQueue, KeepsAllOfTheNewestStepHoweverLarge) {
    PushQueue queue(25);
    EXPECT_EQ(queue.push({message('a', 10, 7)}), 0U);
    EXPECT_EQ(queue.push({message('b', 40), message('c', 40)}), 7U);
    EXPECT_EQ(queue.bytes(), 80U);
    EXPECT_EQ(queue.push({message('d', 1)}), 2U);
}

TEST(PushQueue, TakesBackWhatCouldNotBeSentUnlessItIsTheOldestTooMany) {
    PushQueue queue(25);
    EXPECT_EQ(queue.push({message('a', 10, 7)}), 0U);
    auto item = queue.take();
    ASSERT_TRUE(item);
    EXPECT_EQ(queue.give_back(std::move(*item)), 0U);
    item = queue.take();
    ASSERT_TRUE(item);
    EXPECT_EQ(item->message.bytes[0], 'a');
    EXPECT_EQ(queue.push({message('b', 20)}), 0U);
    EXPECT_EQ(queue.give_back(std::move(*item)), 7U);
    EXPECT_EQ(queue.take()->message.bytes[0], 'b');
}

} // namespace
} // namespace wattvisor
