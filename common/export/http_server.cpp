// SPDX-License-Identifier: Apache-2.0
// Two coroutines: one accepts, one serves a connection. They are the only ones of the project;
// errors come as values, so that nothing is thrown across a suspension.
#include "common/export/http_server.hpp"

#include "common/export/http_answer.hpp"
#include "common/export/http_listen.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <spdlog/spdlog.h>

#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace wattvisor {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr std::uint32_t kHeaderLimit = 8 * 1024;
constexpr std::uint64_t kBodyLimit = 1024;
constexpr std::size_t kBufferLimit = 2 * static_cast<std::size_t>(kHeaderLimit);
constexpr auto kFarewell = std::chrono::seconds(1);
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kBusy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                                   "Retry-After: 10\r\nConnection: close\r\n\r\n";

std::string page_path(const std::string& suffix) {
    return suffix.starts_with('/') ? suffix : '/' + suffix;
}

} // namespace

struct HttpServerState {
    HttpServerState(asio::io_context& io_context, HttpServerOptions given,
                    HttpServer::Handler handler)
        : context(io_context), options(std::move(given)), site{page_path(options.suffix),
                                                               options.title, std::move(handler)},
          acceptor(io_context), pause(io_context) {}

    asio::io_context& context;
    HttpServerOptions options;
    HttpSite site;
    tcp::acceptor acceptor;
    tcp::endpoint endpoint;
    asio::steady_timer pause;
    std::set<beast::tcp_stream*> streams; // those being served, to close them in stop()
    bool stopped = true;
    bool accept_fails = false;
};

namespace {

using StatePtr = std::shared_ptr<HttpServerState>;

// Keeps a connection among those being served for as long as its coroutine lives.
class Registration {
public:
    Registration(StatePtr state, beast::tcp_stream& stream)
        : state_(std::move(state)), stream_(&stream) {
        state_->streams.insert(stream_);
    }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    ~Registration() { state_->streams.erase(stream_); }

private:
    StatePtr state_;
    beast::tcp_stream* stream_;
};

// Waits for the first byte of a further request, as long as an idle connection may be kept.
asio::awaitable<bool> next_request_begins(beast::tcp_stream& stream, beast::flat_buffer& buffer,
                                          std::chrono::nanoseconds patience) {
    if (buffer.size() > 0) {
        co_return true; // it came together with the one before
    }
    stream.expires_after(patience);
    const auto [error, count] = co_await stream.async_read_some(buffer.prepare(1024), kAsTuple);
    buffer.commit(count);
    co_return !error;
}

// Closes in an order that lets a client still read the last answer: closing with bytes unread
// would reset the connection and throw the answer away.
asio::awaitable<void> say_farewell(beast::tcp_stream& stream) {
    beast::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream.expires_after(kFarewell);
    std::array<char, 4096> rest{};
    beast::error_code error;
    while (!error) {
        const auto [failed, count] = co_await stream.async_read_some(asio::buffer(rest), kAsTuple);
        error = failed;
    }
}

// Errors of reading after which there is nobody to answer.
bool is_over(const beast::error_code& error) {
    return error == http::error::end_of_stream || error == http::error::partial_message ||
           error.category() != http::make_error_code(http::error::bad_method).category();
}

asio::awaitable<void> serve(StatePtr state, tcp::socket socket) {
    beast::tcp_stream stream(std::move(socket));
    const Registration registration(state, stream);
    beast::flat_buffer buffer(kBufferLimit);
    bool first = true;
    while (!state->stopped) {
        if (!first && !co_await next_request_begins(stream, buffer, state->options.idle_timeout)) {
            co_return;
        }
        first = false;
        http::request_parser<http::string_body> parser;
        parser.header_limit(kHeaderLimit);
        parser.body_limit(kBodyLimit);
        // One deadline for the whole request, however slowly its bytes drip in.
        stream.expires_after(state->options.request_timeout);
        const auto [error, read] = co_await http::async_read(stream, buffer, parser, kAsTuple);
        if (error && is_over(error)) {
            co_return;
        }
        HttpResponse response =
            error ? answer_to_rubbish(error) : answer(parser.get(), state->site);
        stream.expires_after(state->options.request_timeout);
        const auto [lost, written] = co_await http::async_write(stream, response, kAsTuple);
        if (lost) {
            co_return;
        }
        if (!response.keep_alive()) {
            co_await say_farewell(stream);
            co_return;
        }
    }
}

// Tells a client too many, without waiting for it.
void refuse(tcp::socket socket) {
    beast::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.send(asio::buffer(kBusy.data(), kBusy.size()), 0, ignored);
}

void log_accept_error(HttpServerState& state, const beast::error_code& error) {
    if (!state.accept_fails) {
        state.accept_fails = true;
        spdlog::warn("{}: cannot accept connections: {}; trying again",
                     endpoint_text(state.endpoint), error.message());
    }
}

void begin_to_serve(const StatePtr& state, tcp::socket socket) {
    state->accept_fails = false;
    if (state->streams.size() >= state->options.max_connections) {
        refuse(std::move(socket));
        return;
    }
    asio::co_spawn(state->context, serve(state, std::move(socket)), asio::detached);
}

asio::awaitable<void> accept_loop(StatePtr state) {
    while (!state->stopped) {
        auto [error, socket] = co_await state->acceptor.async_accept(kAsTuple);
        if (state->stopped) {
            co_return;
        }
        if (!error) {
            begin_to_serve(state, std::move(socket));
            continue;
        }
        // EMFILE and its like stay true for a while, and the client stays in the queue: without a
        // pause this would be a busy loop.
        log_accept_error(*state, error);
        state->pause.expires_after(state->options.accept_pause);
        co_await state->pause.async_wait(kAsTuple);
    }
}

} // namespace

HttpServer::HttpServer(asio::io_context& context, HttpServerOptions options, Handler handler)
    : state_(std::make_shared<HttpServerState>(context, std::move(options), std::move(handler))) {}

HttpServer::~HttpServer() {
    try {
        stop();
    } catch (...) { // NOLINT(bugprone-empty-catch)
        // Nothing in stop() fails in practice; what it left open is closed with the context.
    }
}

void HttpServer::start() {
    state_->acceptor = listen_on(state_->context, state_->options.address, state_->options.port);
    state_->endpoint = state_->acceptor.local_endpoint();
    state_->stopped = false;
    asio::co_spawn(state_->context, accept_loop(state_), asio::detached);
}

std::uint16_t HttpServer::port() const {
    return state_->endpoint.port();
}

std::string HttpServer::where() const {
    return endpoint_text(state_->endpoint);
}

std::size_t HttpServer::connections() const {
    return state_->streams.size();
}

void HttpServer::stop() {
    if (std::exchange(state_->stopped, true)) {
        return;
    }
    beast::error_code ignored;
    state_->acceptor.close(ignored);
    state_->pause.cancel();
    for (beast::tcp_stream* stream : state_->streams) {
        stream->close(); // its coroutine sees an error and ends
    }
}

} // namespace wattvisor
