// SPDX-License-Identifier: Apache-2.0
#include "common/export/text_stream.hpp"

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace wattvisor {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostWaiting = std::size_t{4} << 20U;
constexpr auto kRetry = 10ms;
constexpr auto kPatienceAtEnd = 2s;

// What a descriptor that poll() calls writable takes without waiting: a page of a pipe (POSIX:
// PIPE_BUF), and less of a terminal. A file takes anything.
constexpr std::size_t kPipeChunk = 4096;
constexpr std::size_t kTerminalChunk = 256;

bool is_file(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

bool is_ready(int fd, std::chrono::milliseconds patience) {
    pollfd waited{fd, POLLOUT, 0};
    // An error counts as ready: writing tells which one it is.
    return ::poll(&waited, 1, static_cast<int>(patience.count())) > 0;
}

} // namespace

TextStream::TextStream(boost::asio::io_context& io, int fd)
    : fd_(fd), never_waits_(is_file(fd)), timer_(io) {}

TextStream::~TextStream() {
    const auto deadline = std::chrono::steady_clock::now() + kPatienceAtEnd;
    write_what_goes();
    while (!waiting_.empty() && error_ == 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left <= 0ms || !is_ready(fd_, left)) {
            return;
        }
        write_what_goes();
    }
}

bool TextStream::write(std::string_view piece) {
    if (waiting_.size() - written_ + piece.size() > kMostWaiting && !waiting_.empty()) {
        return false;
    }
    write_last(piece);
    return true;
}

void TextStream::write_last(std::string_view piece) {
    if (error_ != 0) {
        return;
    }
    waiting_ += piece;
    write_what_goes();
    if (!waiting_.empty()) {
        try_later();
    }
}

void TextStream::write_what_goes() {
    const std::size_t chunk = never_waits_         ? std::string::npos
                              : ::isatty(fd_) == 1 ? kTerminalChunk
                                                   : kPipeChunk;
    while (written_ < waiting_.size() && error_ == 0 && (never_waits_ || is_ready(fd_, 0ms))) {
        const std::string_view next = std::string_view(waiting_).substr(written_, chunk);
        const ssize_t count = ::write(fd_, next.data(), next.size());
        if (count >= 0) {
            written_ += static_cast<std::size_t>(count);
        } else if (errno == EAGAIN) {
            return; // somebody else has made it non-blocking
        } else if (errno != EINTR) {
            error_ = errno;
        }
    }
    if (written_ == waiting_.size() || error_ != 0) {
        waiting_.clear();
        written_ = 0;
    } else if (written_ > kMostWaiting / 2) {
        waiting_.erase(0, written_);
        written_ = 0;
    }
}

void TextStream::try_later() {
    timer_.expires_after(kRetry);
    const std::weak_ptr<const bool> alive = alive_;
    timer_.async_wait([this, alive](const boost::system::error_code& cancelled) {
        if (!cancelled && !alive.expired()) {
            write_what_goes();
            if (!waiting_.empty()) {
                try_later();
            }
        }
    });
}

} // namespace wattvisor
