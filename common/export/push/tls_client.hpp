// SPDX-License-Identifier: Apache-2.0
// TLS towards a server: 1.2 or newer, with its certificate and its name checked. Certificates are
// read when a context is made, which is at each connection, so renewed ones need no restart.
// Private to common/export/push.
#pragma once

#include "common/base/error.hpp"
#include "common/export/push/tcp_connect.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <memory>
#include <string>

namespace wattvisor {

struct TlsSettings {
    bool verify = true;
    std::string ca_file;          // all certificates in it are trusted; empty: those of the system
    std::string certificate_file; // ours, with its chain; empty: none is shown
    std::string key_file;
};

using TlsStream = boost::asio::ssl::stream<boost::beast::tcp_stream>;
using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

// An error names the file that cannot be used.
[[nodiscard]] Result<TlsContext> make_tls_context(const TlsSettings& settings);

// On a connected stream, whose deadline it obeys. Empty when done, else why not.
[[nodiscard]] boost::asio::awaitable<std::string> shake_hands(TlsStream& stream, ServerName server,
                                                              bool verify);

} // namespace wattvisor
