// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/load_pattern.hpp"

#include <algorithm>

namespace wattvisor::simulated {

namespace {

Millionths between(Millionths low, Millionths high, std::uint64_t part, std::uint64_t whole) {
    const bool up = high >= low;
    const std::uint64_t width = up ? high - low : low - high;
    // At most 10^6 times the microseconds of a phase: no overflow within 200 days.
    const auto step = static_cast<Millionths>(width * part / std::max<std::uint64_t>(whole, 1));
    return up ? low + step : low - step;
}

std::uint64_t micros(nanoseconds time) {
    return static_cast<std::uint64_t>(time.count()) / 1000;
}

Millionths bursty_level(const LoadPhase& phase, nanoseconds since, std::uint64_t thread_seed) {
    const auto period = static_cast<std::uint64_t>(phase.period.count());
    // Each thread's bursts begin at another place of the period, else all would be in step.
    const std::uint64_t place =
        (static_cast<std::uint64_t>(since.count()) + mix(thread_seed) % period) % period;
    const bool is_on = place / 1000 < micros(phase.period) * phase.duty / kWhole;
    return is_on ? phase.cpus : phase.low;
}

Millionths phase_level(const Load& load, const LoadPhase& phase, nanoseconds now,
                       std::uint64_t thread_seed) {
    const nanoseconds since = now - phase.from;
    switch (phase.pattern) {
    case LoadPattern::steady:
        return phase.cpus;
    case LoadPattern::bursty:
        return bursty_level(phase, since, thread_seed);
    case LoadPattern::random: {
        const auto turn = static_cast<std::uint64_t>(since / phase.period);
        const std::uint64_t drawn = mix(mix(load.seed) ^ mix(thread_seed) ^ mix(turn + 1));
        return between(phase.low, phase.cpus, drawn % (kWhole + 1UL), kWhole);
    }
    case LoadPattern::ramp:
        return between(phase.low, phase.cpus, micros(since), micros(phase.until - phase.from));
    }
    return 0;
}

} // namespace

std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
}

Millionths level_at(const Load& load, nanoseconds now, std::uint64_t thread_seed) {
    for (const LoadPhase& phase : load.phases) {
        if (now >= phase.from && now < phase.until) {
            return std::min(phase_level(load, phase, now, thread_seed), kWhole);
        }
    }
    return 0;
}

} // namespace wattvisor::simulated
