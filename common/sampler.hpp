// SPDX-License-Identifier: Apache-2.0
// The agents' clock: calls back on an absolute schedule, tick n at start + n * interval, so that
// the work of a tick does not shift the next one. A tick that is late by a whole interval or more
// is skipped and counted. The only place where time enters the pipeline.
#pragma once

#include "common/accounting/meter.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>

namespace wattvisor {

// The tick that is due next after `now`: its number n, for start + n * interval > now.
[[nodiscard]] std::uint64_t next_tick(std::chrono::nanoseconds since_start,
                                      std::chrono::nanoseconds interval);

class Sampler {
public:
    using OnTick = std::function<void(const TickTime&)>;

    Sampler(boost::asio::io_context& io, std::chrono::nanoseconds interval, OnTick on_tick);

    // The first tick is taken at once.
    void start();
    // No tick begins after this, also when it is called from within one.
    void stop();

private:
    void take();
    void schedule();

    boost::asio::steady_timer timer_;
    std::chrono::nanoseconds interval_;
    OnTick on_tick_;
    std::chrono::steady_clock::time_point began_;
    std::uint64_t number_ = 0; // of the tick that was scheduled last
    std::uint64_t ticks_ = 0;
    std::uint64_t skipped_ = 0;
    bool is_stopped_ = false;
};

} // namespace wattvisor
