// SPDX-License-Identifier: Apache-2.0
// Connects to a server by name or address before a deadline. Asking a name server never holds up
// the Asio thread, and one that does not answer costs no more than the deadline; an address that
// does not answer leaves time for the next one. Private to common/export/push.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace wattvisor {

struct ServerName {
    std::string host; // a name, or an IPv4 or IPv6 address without brackets
    std::uint16_t port = 0;

    [[nodiscard]] bool is_address() const;
    // "localhost:9091", "[::1]:9091"
    [[nodiscard]] std::string text() const;
};

// "[::1]" is "::1": people write the brackets as in a URL.
[[nodiscard]] std::string without_brackets(std::string_view host);

// Empty when connected, else why not.
[[nodiscard]] boost::asio::awaitable<std::string>
connect_to(boost::beast::tcp_stream& stream, ServerName server,
           std::chrono::steady_clock::time_point deadline);

// What a person may be told of an error on a connection.
[[nodiscard]] std::string connection_error(const boost::system::error_code& error);

} // namespace wattvisor
