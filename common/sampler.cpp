// SPDX-License-Identifier: Apache-2.0
#include "common/sampler.hpp"

#include "common/base/clock_time.hpp"

#include <boost/system/error_code.hpp>

#include <utility>

namespace wattvisor {

using std::chrono::steady_clock;

std::uint64_t next_tick(std::chrono::nanoseconds since_start, std::chrono::nanoseconds interval) {
    return static_cast<std::uint64_t>(since_start / interval) + 1;
}

Sampler::Sampler(boost::asio::io_context& io, std::chrono::nanoseconds interval, OnTick on_tick)
    : timer_(io), interval_(interval), on_tick_(std::move(on_tick)) {}

void Sampler::start() {
    is_stopped_ = false;
    began_ = steady_clock::now();
    take();
}

void Sampler::stop() {
    is_stopped_ = true;
    timer_.cancel();
}

void Sampler::take() {
    ++ticks_;
    on_tick_(TickTime{steady_clock::now().time_since_epoch(), std::chrono::system_clock::now(),
                      ticks_, skipped_, clock_time(CLOCK_BOOTTIME)});
    if (!is_stopped_) { // the tick itself may have stopped it
        schedule();
    }
}

void Sampler::schedule() {
    const std::uint64_t next = next_tick(steady_clock::now() - began_, interval_);
    skipped_ += next - number_ - 1;
    number_ = next;
    timer_.expires_at(began_ + interval_ * static_cast<std::int64_t>(next));
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error && !is_stopped_) { // cancel() comes too late for a wait that is over
            take();
        }
    });
}

} // namespace wattvisor
