// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/real_time.hpp"

#include <csignal>
#include <ctime>

namespace wattvisor::simulated {

namespace {

volatile std::sig_atomic_t stopping = 0;

extern "C" void stop(int /*signal*/) {
    stopping = 1;
}

} // namespace

void stop_at_signals() {
    struct sigaction action {};
    action.sa_handler = stop; // without SA_RESTART: a signal ends the sleep
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
}

bool must_stop() {
    return stopping != 0;
}

std::chrono::nanoseconds monotonic_now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void sleep_until(std::chrono::nanoseconds due) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(due);
    const timespec time{seconds.count(), (due - seconds).count()};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

} // namespace wattvisor::simulated
