// SPDX-License-Identifier: Apache-2.0
// Opens the port that the web server listens on, and says in a sentence why it cannot. Called once
// while starting. Private to common/export.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <string>

namespace wattvisor {

// "::" listens on IPv4 too, and on IPv4 alone where the machine has no IPv6. Throws StartError.
[[nodiscard]] boost::asio::ip::tcp::acceptor
listen_on(boost::asio::io_context& context, const std::string& address, std::uint16_t port);

// "127.0.0.1:8080" or "[::1]:8080".
[[nodiscard]] std::string endpoint_text(const boost::asio::ip::tcp::endpoint& endpoint);

} // namespace wattvisor
