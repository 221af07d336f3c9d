// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/tcp_connect.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

namespace wattvisor {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kPerAddress{3};

struct Resolution {
    Resolution(const asio::any_io_executor& executor, steady_clock::time_point deadline)
        : resolver(executor), done(executor, deadline) {}

    tcp::resolver resolver;
    asio::steady_timer done; // cancelled by the answer
    bool answered = false;
    error_code error;
    std::vector<tcp::endpoint> endpoints;
};

// The resolver's own thread may hang in the C library, so its answer is not awaited itself.
asio::awaitable<std::shared_ptr<Resolution>> resolve(ServerName server,
                                                     steady_clock::time_point deadline) {
    const auto executor = co_await asio::this_coro::executor;
    const auto resolution = std::make_shared<Resolution>(executor, deadline);
    error_code not_an_address;
    const auto address = asio::ip::make_address(server.host, not_an_address);
    if (!not_an_address) { // needs no thread that a dead name server may keep busy
        resolution->answered = true;
        resolution->endpoints.emplace_back(address, server.port);
        co_return resolution;
    }
    resolution->resolver.async_resolve(
        server.host, std::to_string(server.port),
        [resolution](const error_code& error, const tcp::resolver::results_type& results) {
            resolution->answered = true;
            resolution->error = error;
            for (const auto& result : results) {
                resolution->endpoints.push_back(result.endpoint());
            }
            resolution->done.cancel();
        });
    co_await resolution->done.async_wait(kAsTuple);
    if (!resolution->answered) {
        resolution->resolver.cancel();
    }
    co_return resolution;
}

} // namespace

bool ServerName::is_address() const {
    error_code error;
    asio::ip::make_address(host, error);
    return !error;
}

std::string ServerName::text() const {
    const bool is_v6 = host.find(':') != std::string::npos;
    return (is_v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

std::string without_brackets(std::string_view host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    return std::string(host);
}

std::string connection_error(const error_code& error) {
    if (error == beast::error::timeout) {
        return "no answer in time";
    }
    if (error == asio::error::eof || error == asio::error::connection_reset ||
        error == asio::error::broken_pipe) {
        return "the server closed the connection";
    }
    return error.message();
}

asio::awaitable<std::string> connect_to(beast::tcp_stream& stream, ServerName server,
                                        steady_clock::time_point deadline) {
    const auto found = co_await resolve(server, deadline);
    if (!found->answered) {
        co_return "no name server answers for " + server.host;
    }
    if (found->error) {
        co_return "cannot find the host " + server.host + ": " + found->error.message();
    }
    std::string problem = "the host " + server.host + " has no address";
    for (const tcp::endpoint& endpoint : found->endpoints) {
        stream.expires_at(std::min(deadline, steady_clock::now() + kPerAddress));
        const auto [error] = co_await stream.async_connect(endpoint, kAsTuple);
        if (!error) {
            stream.expires_at(deadline);
            co_return std::string();
        }
        problem = connection_error(error);
        stream.close();
        if (steady_clock::now() >= deadline) {
            break;
        }
    }
    co_return problem;
}

} // namespace wattvisor
