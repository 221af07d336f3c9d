// SPDX-License-Identifier: Apache-2.0
#include "common/base/text_file.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <unistd.h>

namespace wattvisor {

Result<FileDescriptor> open_for_reading(const std::filesystem::path& path) {
    FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
        return system_error(errno, path.string());
    }
    return fd;
}

Result<std::string> read_text(const std::filesystem::path& path, std::size_t limit) {
    auto fd = open_for_reading(path);
    if (!fd) {
        return fd.error();
    }
    std::string text;
    char chunk[4096];
    while (true) {
        const ssize_t got = ::read(fd->get(), chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return system_error(errno, path.string());
        }
        if (got == 0) {
            return text;
        }
        text.append(chunk, static_cast<std::size_t>(got));
        if (text.size() > limit) {
            return Error{Severity::fatal,
                         "larger than " + std::to_string(limit) + " bytes",
                         path.string(),
                         {}};
        }
    }
}

Result<std::string_view> reread(int fd, std::string& buffer, const std::string& where) {
    if (buffer.size() < 128) {
        buffer.resize(128);
    }
    std::size_t filled = 0;
    while (true) {
        const ssize_t got =
            ::pread(fd, buffer.data() + filled, buffer.size() - filled, static_cast<off_t>(filled));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return system_error(errno, where);
        }
        filled += static_cast<std::size_t>(got);
        // A short read is the end of a /proc, /sys or tmpfs file; asking again would cost a call.
        if (filled < buffer.size()) {
            return std::string_view(buffer.data(), filled);
        }
        if (filled >= kMaxTextFile) {
            return Error{Severity::fatal, "larger than expected", where, {}};
        }
        buffer.resize(buffer.size() * 2);
    }
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const auto first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view take_until(std::string_view& text, char separator) {
    const std::string_view part = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return part;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    const std::string_view digits = trim(text);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) {
        return std::nullopt;
    }
    return value;
}

} // namespace wattvisor
