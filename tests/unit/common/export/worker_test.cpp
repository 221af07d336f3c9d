// SPDX-License-Identifier: Apache-2.0
#include "common/export/worker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace wattvisor {
namespace {

TEST(Worker, RunsJobsInOrderOnAThreadOfItsOwn) {
    Worker worker;
    std::vector<int> order; // of the worker until `done`
    std::promise<std::thread::id> done;
    for (int i = 0; i < 5; ++i) {
        worker.submit([&order, i] { order.push_back(i); });
    }
    worker.submit([&done] { done.set_value(std::this_thread::get_id()); });
    EXPECT_NE(done.get_future().get(), std::this_thread::get_id());
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(Worker, WaitsForTheJobThatRunsAndTakesNoMore) {
    auto dropped = std::make_shared<int>(0);
    std::promise<void> begun;
    std::promise<void> go_on;
    std::atomic<bool> finished = false;
    Worker worker;
    worker.submit([&] {
        begun.set_value();
        go_on.get_future().wait();
        finished = true;
    });
    std::atomic<bool> ran = false;
    worker.submit([&ran, dropped] { ran = true; });
    begun.get_future().wait();
    std::thread stopper([&worker] { worker.stop(); });
    go_on.set_value();
    stopper.join();
    EXPECT_EQ(dropped.use_count(), 1) << "what a job holds is given back";
    EXPECT_TRUE(finished);
    ran = false;
    worker.submit([&ran] { ran = true; });
    EXPECT_FALSE(ran) << "stopped is stopped";
}

TEST(Worker, EndsWithoutEverHavingBegun) {
    Worker worker;
    worker.stop();
    worker.stop();
}

} // namespace
} // namespace wattvisor
