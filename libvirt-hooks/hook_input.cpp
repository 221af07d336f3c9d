// SPDX-License-Identifier: Apache-2.0
#include "libvirt-hooks/hook_input.hpp"

#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace wattvisor::hook {

namespace {

constexpr const char* kWhere = "standard input";

} // namespace

Result<std::string> read_input(int fd, std::size_t limit, std::chrono::milliseconds deadline) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + deadline;
    std::string text;
    char chunk[16384];
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
        pollfd waiting{fd, POLLIN, 0};
        const int ready =
            left.count() > 0 ? ::poll(&waiting, 1, static_cast<int>(left.count())) : 0;
        if (ready == 0) {
            return Error{Severity::transient, "the domain's XML did not end in time", kWhere, {}};
        }
        const ssize_t got = ready > 0 ? ::read(fd, chunk, sizeof chunk) : -1;
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (got < 0) {
            return system_error(errno, kWhere);
        }
        if (got == 0) {
            return text;
        }
        text.append(chunk, static_cast<std::size_t>(got));
        if (text.size() > limit) {
            return Error{Severity::fatal, "the domain's XML is too large", kWhere, {}};
        }
    }
}

} // namespace wattvisor::hook
