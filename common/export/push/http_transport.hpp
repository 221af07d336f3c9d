// SPDX-License-Identifier: Apache-2.0
// Sends each message as the body of a request of its own, over HTTP or HTTPS. A connection per
// request: messages are seconds apart, and nothing has to be said of connections that went stale.
#pragma once

#include "common/export/push/push_transport.hpp"
#include "common/export/push/tcp_connect.hpp"
#include "common/export/push/tls_client.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace wattvisor {

struct HttpTarget {
    ServerName server;
    std::optional<TlsSettings> tls; // absent: plain HTTP
    std::string method = "POST";
    std::string path = "/"; // with its escapes
    std::string content_type;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string error_header; // of an answer, where the server says there what is wrong
    std::string secret;       // never told to anybody: taken out of what a server says
    std::chrono::nanoseconds timeout = std::chrono::seconds(10); // for all of one request
};

class HttpTransport final : public PushTransport {
public:
    HttpTransport(boost::asio::io_context& io, HttpTarget target)
        : io_(io), target_(std::move(target)) {}

    [[nodiscard]] boost::asio::awaitable<PushAnswer> send(std::string_view message) override;
    [[nodiscard]] std::string where() const override;

private:
    boost::asio::io_context& io_;
    HttpTarget target_;
};

// What an answer's status says of a message.
[[nodiscard]] PushOutcome outcome_of_status(unsigned status);

// Every occurrence of the secret becomes "***".
[[nodiscard]] std::string without_secret(std::string text, std::string_view secret);

} // namespace wattvisor
