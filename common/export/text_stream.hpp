// SPDX-License-Identifier: Apache-2.0
// Text to a pipe, a terminal or a file, piece by piece, each whole or not at all. A reader that is
// slow or was stopped (Ctrl-S) holds up nobody: what it has not taken yet waits here, and when too
// much waits, further pieces are left out. Never makes the descriptor non-blocking, since others
// share it: it writes only as much as a descriptor that is ready takes at once. Asio thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace wattvisor {

class TextStream {
public:
    // The descriptor stays the caller's and outlives the stream.
    TextStream(boost::asio::io_context& io, int fd);
    TextStream(const TextStream&) = delete;
    TextStream& operator=(const TextStream&) = delete;
    // Gives a reader a moment to take what waits.
    ~TextStream();

    // False where too much waits: the piece is left out.
    [[nodiscard]] bool write(std::string_view piece);
    // Writes it whatever waits; for what closes a document.
    void write_last(std::string_view piece);

    // The errno of a write that failed: EPIPE where nobody reads any more, ENOSPC and the like; 0
    // while all is well. After an error, nothing is written any more.
    [[nodiscard]] int error() const { return error_; }

private:
    void write_what_goes();
    void try_later();

    int fd_;
    bool never_waits_; // a file: writing is the disk's matter, and it is always "ready"
    boost::asio::steady_timer timer_;
    std::string waiting_;
    std::size_t written_ = 0; // of waiting_
    int error_ = 0;
    // A timer that has fired cannot be cancelled any more: its handler looks whether this is gone.
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

} // namespace wattvisor
