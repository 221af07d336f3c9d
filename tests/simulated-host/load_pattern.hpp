// SPDX-License-Identifier: Apache-2.0
// How much of a CPU a thread wants at a moment of a scenario. Pure: the same load, moment and
// thread give the same value in every run and in any order, random loads too, so that a report can
// be reproduced. Any thread.
#pragma once

#include "tests/simulated-host/scenario.hpp"

namespace wattvisor::simulated {

// `thread_seed` tells threads of one load apart: their bursts and random values differ.
[[nodiscard]] Millionths level_at(const Load& load, nanoseconds now, std::uint64_t thread_seed);

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
[[nodiscard]] std::uint64_t mix(std::uint64_t value);

} // namespace wattvisor::simulated
