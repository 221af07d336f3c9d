// SPDX-License-Identifier: Apache-2.0
// The clock and the signals of the program: the only place of the simulated host that knows either.
#pragma once

#include "common/base/error.hpp"

#include <chrono>
#include <utility>

namespace wattvisor::simulated {

void stop_at_signals();         // SIGTERM and SIGINT
[[nodiscard]] bool must_stop(); // one of them came
[[nodiscard]] std::chrono::nanoseconds monotonic_now();
void sleep_until(std::chrono::nanoseconds due); // returns early for a signal

template <typename T>
T value_or_stop(Result<T> result) {
    if (!result) {
        throw StartError(result.error().message());
    }
    return std::move(*result);
}

} // namespace wattvisor::simulated
