// SPDX-License-Identifier: Apache-2.0
#include "common/usage/busy_time.hpp"

#include "common/base/text_file.hpp"
#include "common/usage/proc_text.hpp"

#include <algorithm>
#include <unistd.h>

namespace wattvisor {

std::chrono::nanoseconds clock_tick() {
    static const long per_second = ::sysconf(_SC_CLK_TCK);
    return std::chrono::nanoseconds(1'000'000'000L / (per_second > 0 ? per_second : 100));
}

std::chrono::nanoseconds time_of_ticks(std::uint64_t ticks) {
    constexpr auto kMax = std::chrono::nanoseconds::max();
    const auto most = static_cast<std::uint64_t>(kMax / clock_tick());
    return ticks > most ? kMax : clock_tick() * static_cast<std::int64_t>(ticks);
}

BusyTime::BusyTime(const std::filesystem::path& proc_root) : path_(proc_root / "stat") {}

Result<std::chrono::nanoseconds> BusyTime::read() {
    if (!fd_) {
        auto opened = open_for_reading(path_);
        if (!opened) {
            return opened.error();
        }
        fd_ = std::move(*opened);
    }
    const auto text = reread(fd_.get(), buffer_, path_.string());
    if (!text) {
        fd_.reset();
        return text.error();
    }
    const auto ticks = parse_busy_ticks(*text);
    if (!ticks) {
        return Error{Severity::transient, "has no line of all CPUs", path_.string(), {}};
    }
    first_ticks_ = std::min(first_ticks_.value_or(*ticks), *ticks);
    return time_of_ticks(*ticks - *first_ticks_);
}

} // namespace wattvisor
