// SPDX-License-Identifier: Apache-2.0
// A thread for what takes too long for the Asio thread: one job after the other. The thread begins
// with the first job, so who needs none has none. submit() and stop() are called on one thread.
// How many jobs wait is limited by who submits them. Private to common/export.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace wattvisor {

class Worker {
public:
    // May not throw. Destroyed unrun, on the caller of stop(), if stop() comes before its turn.
    using Job = std::function<void()>;

    Worker() = default;
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() { stop(); }

    void submit(Job job);
    // Waits for the job that runs; later jobs are dropped, also those submitted afterwards.
    void stop();

private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> jobs_;
    bool stopped_ = false;
    std::thread thread_;
};

} // namespace wattvisor
