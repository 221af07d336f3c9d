// SPDX-License-Identifier: Apache-2.0
// Keys that the configurations of both agents have.
#pragma once

#include "common/config/yaml_reader.hpp"
#include "common/usage/cpu_time_choice.hpp"

#include <chrono>

namespace wattvisor {

// Finer than a tenth of a second measures the counters' own update step; coarser than an hour may
// miss a whole wrap of a 32-bit RAPL counter (262 kJ).
inline constexpr std::chrono::nanoseconds kShortestTick = std::chrono::milliseconds(100);
inline constexpr std::chrono::nanoseconds kLongestTick = std::chrono::hours(1);

// `interval`
void read_tick_interval(YamlSection& section, std::chrono::nanoseconds& interval);
// `cpu_time`
void read_cpu_time(YamlSection& section, CpuTimeChoice& choice);

} // namespace wattvisor
