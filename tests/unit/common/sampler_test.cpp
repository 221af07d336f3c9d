// SPDX-License-Identifier: Apache-2.0
#include "common/sampler.hpp"

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

void wait_busily(std::chrono::nanoseconds time) {
    const auto until = steady_clock::now() + time;
    while (steady_clock::now() < until) {
    }
}

TEST(NextTick, IsTheFirstOneAfterNow) {
    EXPECT_EQ(next_tick(0ns, 1s), 1U);
    EXPECT_EQ(next_tick(1ns, 1s), 1U);
    EXPECT_EQ(next_tick(999'999'999ns, 1s), 1U);
    EXPECT_EQ(next_tick(1s, 1s), 2U);
    EXPECT_EQ(next_tick(1s + 1ns, 1s), 2U);
    EXPECT_EQ(next_tick(10s + 500ms, 1s), 11U);
}

TEST(NextTick, StaysRightAfterACenturyOfMilliseconds) {
    const std::chrono::nanoseconds century = 24h * 365 * 100;
    EXPECT_EQ(next_tick(century, 1ms), 3'153'600'000'001U);
    EXPECT_EQ(next_tick(century - 1ns, 1ms), 3'153'600'000'000U);
}

TEST(Sampler, TakesTheFirstTickAtOnceAndNumbersAllOfThem) {
    boost::asio::io_context io;
    std::vector<TickTime> seen;
    Sampler* running = nullptr;
    Sampler sampler(io, 1ms, [&seen, &running](const TickTime& time) {
        seen.push_back(time);
        if (seen.size() == 6) {
            running->stop();
        }
    });
    running = &sampler;
    sampler.start();
    EXPECT_EQ(seen.size(), 1U) << "before anything else ran";
    io.run();

    ASSERT_EQ(seen.size(), 6U);
    for (std::size_t i = 0; i < seen.size(); ++i) {
        EXPECT_EQ(seen[i].ticks, i + 1);
    }
    for (std::size_t i = 1; i < seen.size(); ++i) {
        EXPECT_GT(seen[i].monotonic, seen[i - 1].monotonic);
        EXPECT_GE(seen[i].ticks_skipped, seen[i - 1].ticks_skipped);
    }
}

// Tick n is due at start + n * interval, so neither the work of a tick nor a late one shifts those
// that follow: no tick comes before its time, however many were skipped.
TEST(Sampler, KeepsToTheScheduleThatBeganWithIt) {
    boost::asio::io_context io;
    std::vector<TickTime> seen;
    Sampler* running = nullptr;
    Sampler sampler(io, 1ms, [&seen, &running](const TickTime& time) {
        seen.push_back(time);
        wait_busily(300us);
        if (seen.size() == 8) {
            running->stop();
        }
    });
    running = &sampler;
    const auto before = steady_clock::now().time_since_epoch();
    sampler.start();
    io.run();
    for (const TickTime& time : seen) {
        const auto number = static_cast<std::int64_t>(time.ticks - 1 + time.ticks_skipped);
        EXPECT_GE(time.monotonic, before + number * 1ms);
    }
}

TEST(Sampler, SkipsAndCountsTheTicksThatASlowOneRanOver) {
    boost::asio::io_context io;
    std::vector<TickTime> seen;
    Sampler* running = nullptr;
    Sampler sampler(io, 1ms, [&seen, &running](const TickTime& time) {
        seen.push_back(time);
        if (seen.size() == 1) {
            wait_busily(5ms);
        }
        if (seen.size() == 2) {
            running->stop();
        }
    });
    running = &sampler;
    sampler.start();
    io.run();
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].ticks_skipped, 0U);
    EXPECT_EQ(seen[1].ticks, 2U);
    EXPECT_GE(seen[1].ticks_skipped, 5U);
}

TEST(Sampler, TakesNoTickAfterItWasStopped) {
    boost::asio::io_context io;
    int ticks = 0;
    Sampler sampler(io, 1ms, [&ticks](const TickTime&) { ++ticks; });
    sampler.start();
    sampler.stop();
    io.run();
    EXPECT_EQ(ticks, 1);
}

// The wait was over before stop() was called: too late to cancel it, but not to leave it out.
TEST(Sampler, TakesNoTickThatWasDueWhenItWasStopped) {
    boost::asio::io_context io;
    int ticks = 0;
    Sampler sampler(io, 1ms, [&ticks](const TickTime&) { ++ticks; });
    sampler.start();
    boost::asio::post(io, [&io, &sampler] {
        wait_busily(3ms);
        boost::asio::post(io, [&sampler] { sampler.stop(); });
    });
    io.run();
    EXPECT_LE(ticks, 2);
    const int before = ticks;
    io.restart();
    io.run();
    EXPECT_EQ(ticks, before);
}

TEST(Sampler, CanBeStoppedByItsVeryFirstTick) {
    boost::asio::io_context io;
    int ticks = 0;
    Sampler* running = nullptr;
    Sampler sampler(io, 1ms, [&ticks, &running](const TickTime&) {
        ++ticks;
        running->stop();
    });
    running = &sampler;
    sampler.start();
    io.run();
    EXPECT_EQ(ticks, 1);
}

} // namespace
} // namespace wattvisor
