// SPDX-License-Identifier: Apache-2.0
// A connection to a Riemann server that stays open from message to message: each is answered
// before the next. Plain TCP, or TLS with certificates on both sides. A connection that went stale
// between two messages is made anew without a word.
#pragma once

#include "common/export/push/push_transport.hpp"
#include "common/export/push/tcp_connect.hpp"
#include "common/export/push/tls_client.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace wattvisor {

struct RiemannTarget {
    ServerName server;
    std::optional<TlsSettings> tls;
    std::chrono::nanoseconds timeout = std::chrono::seconds(10); // connecting, sending, the answer
};

class RiemannTransport final : public PushTransport {
public:
    RiemannTransport(boost::asio::io_context& io, RiemannTarget target)
        : io_(io), target_(std::move(target)) {}

    // A whole frame, with its length.
    [[nodiscard]] boost::asio::awaitable<PushAnswer> send(std::string_view message) override;
    [[nodiscard]] std::string where() const override;

private:
    using Deadline = std::chrono::steady_clock::time_point;

    [[nodiscard]] bool is_connected() const { return plain_ || tls_; }
    void disconnect();
    [[nodiscard]] boost::asio::awaitable<std::string> connect(Deadline deadline);
    [[nodiscard]] boost::asio::awaitable<PushAnswer> exchange(std::string_view message,
                                                              Deadline deadline);

    boost::asio::io_context& io_;
    RiemannTarget target_;
    // One of them while connected.
    std::unique_ptr<boost::beast::tcp_stream> plain_;
    TlsContext context_;
    std::unique_ptr<TlsStream> tls_;
};

} // namespace wattvisor
