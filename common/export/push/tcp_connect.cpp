// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/tcp_connect.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <netdb.h>
#include <sys/socket.h>
#include <thread>
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

// A question to the C library, which may hang for as long as it likes.
struct Lookup {
    explicit Lookup(asio::steady_timer& waiting) : done(&waiting) {}

    std::mutex mutex;
    asio::steady_timer* done; // cancelled by the answer; null when nobody waits any more
    bool answered = false;
    int error = 0;
    std::vector<tcp::endpoint> endpoints;
};

std::vector<tcp::endpoint> endpoints_of(const addrinfo* found) {
    std::vector<tcp::endpoint> endpoints;
    for (; found != nullptr; found = found->ai_next) {
        tcp::endpoint& endpoint = endpoints.emplace_back();
        if (found->ai_addrlen <= endpoint.capacity()) {
            endpoint.resize(found->ai_addrlen);
            std::memcpy(endpoint.data(), found->ai_addr, found->ai_addrlen);
        }
    }
    return endpoints;
}

void look_up(const std::shared_ptr<Lookup>& lookup, const ServerName& server) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const int error =
        ::getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &found);
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    const std::scoped_lock lock(lookup->mutex);
    if (lookup->done == nullptr) {
        return;
    }
    lookup->answered = true;
    lookup->error = error;
    lookup->endpoints = error == 0 ? endpoints_of(found) : std::vector<tcp::endpoint>();
    asio::post(lookup->done->get_executor(), [lookup] {
        const std::scoped_lock again(lookup->mutex);
        if (lookup->done != nullptr) {
            lookup->done->cancel();
        }
    });
}

struct Addresses {
    std::vector<tcp::endpoint> endpoints;
    std::string problem; // why there is none
};

// Each question has a thread of its own, which is left behind when it takes too long: Asio's
// resolver has one for all, so that a name server that does not answer would hold up other
// exporters, and the end of the agent.
asio::awaitable<Addresses> resolve(ServerName server, steady_clock::time_point deadline) {
    error_code not_an_address;
    const auto address = asio::ip::make_address(server.host, not_an_address);
    if (!not_an_address) {
        co_return Addresses{{tcp::endpoint(address, server.port)}, {}};
    }
    asio::steady_timer done(co_await asio::this_coro::executor, deadline);
    const auto lookup = std::make_shared<Lookup>(done);
    struct Leave {
        std::shared_ptr<Lookup> lookup;
        ~Leave() {
            const std::scoped_lock lock(lookup->mutex);
            lookup->done = nullptr;
        }
    };
    const Leave leave{lookup};
    std::thread(look_up, lookup, server).detach();
    co_await done.async_wait(kAsTuple);
    const std::scoped_lock lock(lookup->mutex);
    if (!lookup->answered) {
        co_return Addresses{{}, "no name server answers for " + server.host};
    }
    if (lookup->error != 0) {
        co_return Addresses{
            {}, "cannot find the host " + server.host + ": " + ::gai_strerror(lookup->error)};
    }
    co_return Addresses{lookup->endpoints, "the host " + server.host + " has no address"};
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
    auto [endpoints, problem] = co_await resolve(server, deadline);
    for (const tcp::endpoint& endpoint : endpoints) {
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
