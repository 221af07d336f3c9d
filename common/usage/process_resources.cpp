// SPDX-License-Identifier: Apache-2.0
#include "common/usage/process_resources.hpp"

#include "common/base/text_file.hpp"
#include "common/machine/self_stats.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <unistd.h>

namespace wattvisor {

namespace {

// Both files are short; a read that fills this was no such file.
using SmallFile = std::array<char, 512>;

std::string_view read_small(const std::filesystem::path& path, SmallFile& buffer) {
    const auto fd = open_for_reading(path);
    if (!fd) {
        return {};
    }
    ssize_t got = 0;
    do {
        got = ::read(fd->get(), buffer.data(), buffer.size());
    } while (got < 0 && errno == EINTR);
    return got > 0 && static_cast<std::size_t>(got) < buffer.size()
               ? std::string_view(buffer.data(), static_cast<std::size_t>(got))
               : std::string_view();
}

std::optional<std::uint64_t> value_of(std::string_view text, std::string_view key) {
    const std::size_t begin = text.find(key);
    if (begin == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view rest = text.substr(begin + key.size());
    return parse_number(rest.substr(0, rest.find('\n')));
}

std::optional<std::uint64_t> increase(const std::optional<std::uint64_t>& before,
                                      const std::optional<std::uint64_t>& now) {
    if (!before || !now || *now < *before) {
        return std::nullopt;
    }
    return *now - *before;
}

} // namespace

std::optional<ProcessIo> parse_process_io(std::string_view text) {
    // With the newline in front, so that "cancelled_write_bytes" is not taken for another.
    const auto read = value_of(text, "\nread_bytes: ");
    const auto written = value_of(text, "\nwrite_bytes: ");
    if (!read || !written) {
        return std::nullopt;
    }
    return ProcessIo{*read, *written};
}

void ResourceWatch::read(const std::filesystem::path& proc_root, pid_t pid) {
    static const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const std::filesystem::path folder = proc_root / std::to_string(pid);
    SmallFile buffer{};
    auto now = std::make_shared<ProcessResources>();
    if (const auto memory = parse_statm(read_small(folder / "statm", buffer))) {
        now->virtual_bytes = memory->total * page_bytes;
        now->memory_bytes = memory->resident * page_bytes;
    }
    if (const auto io = parse_process_io(read_small(folder / "io", buffer))) {
        now->read_bytes = io->read_bytes;
        now->written_bytes = io->written_bytes;
        if (last_) {
            now->recent_read_bytes = increase(last_->read_bytes, now->read_bytes);
            now->recent_written_bytes = increase(last_->written_bytes, now->written_bytes);
        }
    }
    last_ = std::move(now);
}

unsigned ticks_between_looks(std::chrono::nanoseconds longest_age,
                             std::chrono::nanoseconds interval) {
    return static_cast<unsigned>(std::max<std::int64_t>(longest_age / interval, 1));
}

const std::shared_ptr<const ProcessResources>&
ResourceWatch::look(const std::filesystem::path& proc_root, pid_t pid,
                    std::chrono::nanoseconds cpu_time, unsigned every, bool is_due) {
    const bool is_turn = (static_cast<std::uint64_t>(pid) + ticks_++) % every == 0;
    if (!last_ || is_due || (is_turn && cpu_time != cpu_time_)) {
        cpu_time_ = cpu_time;
        read(proc_root, pid);
    } else if (is_turn && last_->read_bytes &&
               (last_->recent_read_bytes != std::uint64_t{0} ||
                last_->recent_written_bytes != std::uint64_t{0})) {
        auto still = std::make_shared<ProcessResources>(*last_);
        still->recent_read_bytes = 0;
        still->recent_written_bytes = 0;
        last_ = std::move(still);
    }
    return last_;
}

} // namespace wattvisor
