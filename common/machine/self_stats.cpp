// SPDX-License-Identifier: Apache-2.0
#include "common/machine/self_stats.hpp"

#include "common/base/text_file.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <unistd.h>
#include <utility>

namespace wattvisor {
namespace {

constexpr const char* kStatm = "/proc/self/statm";

std::optional<std::chrono::nanoseconds> own_cpu_time() {
    timespec time{};
    if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0) {
        return std::nullopt;
    }
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

} // namespace

std::optional<SelfMemory> parse_statm(std::string_view text) {
    std::array<std::uint64_t, 3> numbers{};
    for (std::uint64_t& number : numbers) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const auto parsed = parse_number(text.substr(0, end));
        if (!parsed) {
            return std::nullopt;
        }
        number = *parsed;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return SelfMemory{numbers[0], numbers[1], numbers[2]};
}

SelfStatsReader::SelfStatsReader() : cpus_(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))) {}

SelfStats SelfStatsReader::read(std::chrono::nanoseconds now) {
    return SelfStats{read_memory(), read_cpu_percent(now)};
}

std::optional<SelfMemory> SelfStatsReader::read_memory() {
    if (!statm_) {
        auto opened = open_for_reading(kStatm);
        if (!opened) {
            return std::nullopt;
        }
        statm_ = std::move(*opened);
    }
    const auto text = reread(statm_.get(), buffer_, kStatm);
    return text ? parse_statm(*text) : std::nullopt;
}

std::optional<double> SelfStatsReader::read_cpu_percent(std::chrono::nanoseconds now) {
    const auto cpu = own_cpu_time();
    if (!cpu) {
        return std::nullopt;
    }
    std::optional<double> percent;
    if (last_time_ && now > *last_time_) {
        const auto cpus = static_cast<double>(cpus_);
        const std::chrono::duration<double> used = *cpu - last_cpu_;
        const std::chrono::duration<double> passed = now - *last_time_;
        percent = 100.0 * used.count() / (passed.count() * cpus);
    }
    last_time_ = now;
    last_cpu_ = *cpu;
    return percent;
}

} // namespace wattvisor
