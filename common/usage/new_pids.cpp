// SPDX-License-Identifier: Apache-2.0
#include "common/usage/new_pids.hpp"

#include "common/base/text_file.hpp"

#include <algorithm>
#include <utility>

namespace wattvisor {

std::optional<std::string_view> parse_last_pid(std::string_view loadavg) {
    const std::string_view line = trim(loadavg);
    constexpr auto kBlanksBefore = 4; // three averages, and tasks as "running/all"
    const std::size_t last = line.rfind(' ');
    if (std::count(line.begin(), line.end(), ' ') != kBlanksBefore ||
        !parse_number(line.substr(last + 1))) {
        return std::nullopt;
    }
    return line.substr(last + 1);
}

bool NewPids::any() {
    std::optional<std::string> now = last_pid();
    const bool is_known = now.has_value();
    const std::optional<std::string> before = std::exchange(known_, std::move(now));
    return !is_known || before != known_;
}

std::optional<std::string> NewPids::last_pid() {
    if (path_.empty()) {
        return std::nullopt;
    }
    if (!fd_) {
        auto opened = open_for_reading(path_);
        if (!opened) {
            return std::nullopt;
        }
        fd_ = std::move(*opened);
    }
    const auto text = reread(fd_.get(), buffer_, path_.string());
    const auto pid = text ? parse_last_pid(*text) : std::nullopt;
    return pid ? std::optional(std::string(*pid)) : std::nullopt;
}

} // namespace wattvisor
