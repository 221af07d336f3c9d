// SPDX-License-Identifier: Apache-2.0
// A small web server for one page of metrics, with TLS and passwords where they are configured. It
// runs on the thread that runs the io_context, and answers with what the handler returns, so the
// handler must be quick and must not wait. What takes long (compressing a page, checking a
// password) is done by two threads of its own, which begin when they are needed. Whatever a client
// does (stalls, floods, sends rubbish), it costs that client its connection and nobody else
// anything: sizes, times and the number of connections are limited, and when all are taken, who has
// waited longest without asking for anything makes room.
// Serves no file, takes no path from a request, and logs nothing that a client sent.
#pragma once

#include "common/export/content_negotiation.hpp"
#include "common/export/page.hpp"
#include "common/export/web_config.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace wattvisor {

struct HttpServerState;

struct HttpServerOptions {
    std::string address = "::"; // "::" is every address of both kinds, IPv4 and IPv6
    std::uint16_t port = 8080;  // 0: any free one, see HttpServer::port()
    std::string suffix = "metrics";
    std::string title = "Wattvisor";
    WebConfig web; // plain HTTP for everybody unless it says otherwise
    std::size_t max_connections = 64;
    // Passwords that wait to be checked, each for about a tenth of a second.
    std::size_t max_password_checks = 8;
    std::size_t max_password_checks_of_address = 2;
    // For a handshake, for one request to arrive whole, and for its answer to be taken.
    std::chrono::nanoseconds request_timeout = std::chrono::seconds(10);
    // Between requests; longer than the minute that Prometheus waits by default.
    std::chrono::nanoseconds idle_timeout = std::chrono::seconds(75);
    // After an error in accepting, such as too many open files.
    std::chrono::nanoseconds accept_pause = std::chrono::milliseconds(500);
};

class HttpServer final {
public:
    // Returns the page. If it throws, the client gets a 500 and the server goes on.
    using Handler = std::function<PagePtr(PageFormat)>;

    // Throws StartError for certificates that cannot be used.
    HttpServer(boost::asio::io_context& context, HttpServerOptions options, Handler handler);
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;
    ~HttpServer(); // stops

    // Binds and listens; throws StartError. Clients are served once the context runs.
    void start();
    [[nodiscard]] std::uint16_t port() const; // after start()
    [[nodiscard]] std::string where() const;  // "[::]:8080", after start()
    [[nodiscard]] bool has_tls() const;
    [[nodiscard]] std::size_t connections() const;
    // Closes the port and every connection. On the context's thread, or when it does not run.
    void stop();

private:
    std::shared_ptr<HttpServerState>
        state_; // shared with the connections, which end a little later
};

} // namespace wattvisor
