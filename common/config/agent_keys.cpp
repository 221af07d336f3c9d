// SPDX-License-Identifier: Apache-2.0
#include "common/config/agent_keys.hpp"

#include <array>

namespace wattvisor {

namespace {

constexpr std::array kCpuTimeChoices{YamlChoice<CpuTimeChoice>{"auto", CpuTimeChoice::automatic},
                                     YamlChoice<CpuTimeChoice>{"clock", CpuTimeChoice::clock},
                                     YamlChoice<CpuTimeChoice>{"bpf", CpuTimeChoice::bpf}};

} // namespace

void read_tick_interval(YamlSection& section, std::chrono::nanoseconds& interval) {
    section.read("interval", interval, kShortestTick, kLongestTick);
}

void read_cpu_time(YamlSection& section, CpuTimeChoice& choice) {
    section.read_choice("cpu_time", choice, std::span(kCpuTimeChoices));
}

} // namespace wattvisor
