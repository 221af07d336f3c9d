// SPDX-License-Identifier: Apache-2.0
// Coroutines: one accepts, one serves a connection. They are the only ones of the project; errors
// come as values, so that nothing is thrown across a suspension.
#include "common/export/http_server.hpp"

#include "common/export/basic_auth.hpp"
#include "common/export/http_answer.hpp"
#include "common/export/http_listen.hpp"
#include "common/export/tls_contexts.hpp"
#include "common/export/worker.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <spdlog/spdlog.h>

#include <array>
#include <map>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace wattvisor {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using std::chrono::steady_clock;

namespace {

constexpr std::uint32_t kHeaderLimit = 8 * 1024;
constexpr std::uint64_t kBodyLimit = 1024;
constexpr std::size_t kBufferLimit = 2 * static_cast<std::size_t>(kHeaderLimit);
constexpr auto kFarewell = std::chrono::seconds(1);
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kBusy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                                   "Retry-After: 10\r\nConnection: close\r\n\r\n";
constexpr std::string_view kWantsTls =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 45"
    "\r\nConnection: close\r\n\r\nThis page is offered with TLS: type https://\n";

std::string page_path(const std::string& suffix) {
    return suffix.starts_with('/') ? suffix : '/' + suffix;
}

} // namespace

// A connection among those being served, for as long as its coroutine lives and nobody has made it
// give up its place.
class Connection;

struct HttpServerState {
    HttpServerState(asio::io_context& io_context, HttpServerOptions given,
                    HttpServer::Handler handler)
        : context(io_context),
          options(std::move(given)), site{page_path(options.suffix), options.title,
                                          std::move(handler), options.web.headers},
          acceptor(io_context), pause(io_context) {
        if (options.web.tls) {
            tls.emplace(*options.web.tls);
        }
        if (!options.web.users.empty()) {
            auth.emplace(options.web.users);
        }
    }

    asio::io_context& context;
    HttpServerOptions options;
    HttpSite site;
    std::optional<TlsContexts> tls;
    std::optional<BasicAuth> auth;
    std::multiset<asio::ip::address> password_checks; // by client, those waiting
    tcp::acceptor acceptor;
    tcp::endpoint endpoint;
    asio::steady_timer pause;
    std::set<Connection*> connections;
    bool stopped = true;
    bool accept_fails = false;
    // Apart, so that a flood of wrong passwords does not delay the pages of others.
    Worker compressor;
    Worker password_checker;
};

namespace {

using StatePtr = std::shared_ptr<HttpServerState>;

} // namespace

class Connection {
public:
    Connection(StatePtr state, beast::tcp_stream& stream)
        : state_(std::move(state)), stream_(&stream) {
        state_->connections.insert(this);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() { state_->connections.erase(this); }

    // Its coroutine sees an error and ends.
    void close() {
        stream_->close();
        state_->connections.erase(this);
    }

    // The client's turn: no request of its has arrived whole.
    void wait_for_client() {
        waiting_ = true;
        waiting_since_ = steady_clock::now();
    }
    void answer_client() { waiting_ = false; }
    [[nodiscard]] bool is_waiting() const { return waiting_; }
    [[nodiscard]] steady_clock::time_point waiting_since() const { return waiting_since_; }

private:
    StatePtr state_;
    beast::tcp_stream* stream_;
    bool waiting_ = true;
    steady_clock::time_point waiting_since_ = steady_clock::now();
};

namespace {

// One that waits for a client, the longest: it harms least, since a scraper whose connection was
// closed between two scrapes opens another. False if all are being answered.
bool make_room(HttpServerState& state) {
    Connection* longest = nullptr;
    for (Connection* const connection : state.connections) {
        if (connection->is_waiting() &&
            (longest == nullptr || connection->waiting_since() < longest->waiting_since())) {
            longest = connection;
        }
    }
    if (longest == nullptr) {
        return false;
    }
    longest->close();
    return true;
}

// Runs `job` on the worker and goes on here when it is done. `job` and what it refers to live
// until then, or until the worker stops.
asio::awaitable<void> run_on(Worker& worker, std::function<void()> job) {
    const auto executor = co_await asio::this_coro::executor;
    auto start = [&worker, &executor, &job](auto handler) {
        // The guard keeps the context running while nothing else does.
        auto guard = asio::make_work_guard(executor);
        auto done = std::make_shared<decltype(handler)>(std::move(handler));
        worker.submit([job = std::move(job), guard = std::move(guard), done = std::move(done)] {
            job();
            asio::post(guard.get_executor(), [done] { std::move (*done)(); });
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(start),
                                                                         asio::use_awaitable);
}

// Waits for the first byte of a further request, as long as an idle connection may be kept.
template <typename Stream>
asio::awaitable<bool> next_request_begins(Stream& stream, beast::flat_buffer& buffer,
                                          std::chrono::nanoseconds patience) {
    if (buffer.size() > 0) {
        co_return true; // it came together with the one before
    }
    beast::get_lowest_layer(stream).expires_after(patience);
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

asio::awaitable<void> say_farewell(beast::ssl_stream<beast::tcp_stream>& stream) {
    // Only the end of our side: the client's is not waited for.
    beast::get_lowest_layer(stream).expires_after(kFarewell);
    SSL_set_shutdown(stream.native_handle(), SSL_RECEIVED_SHUTDOWN);
    co_await stream.async_shutdown(kAsTuple);
    co_await say_farewell(beast::get_lowest_layer(stream));
}

// Errors of reading after which there is nobody to answer.
bool is_over(const beast::error_code& error) {
    return error == http::error::end_of_stream || error == http::error::partial_message ||
           error.category() != http::make_error_code(http::error::bad_method).category();
}

// A password that waits to be checked.
class PasswordCheck {
public:
    PasswordCheck(StatePtr state, const asio::ip::address& client)
        : state_(std::move(state)), place_(state_->password_checks.insert(client)) {}
    PasswordCheck(const PasswordCheck&) = delete;
    PasswordCheck& operator=(const PasswordCheck&) = delete;
    ~PasswordCheck() { state_->password_checks.erase(place_); }

private:
    StatePtr state_;
    std::multiset<asio::ip::address>::iterator place_;
};

enum class Admission { granted, denied, later };

asio::awaitable<Admission> admit(StatePtr state, const HttpRequest& request,
                                 asio::ip::address client) {
    if (!state->auth) {
        co_return Admission::granted;
    }
    const auto field = request[http::field::authorization];
    const auto credentials = parse_authorization({field.data(), field.size()});
    if (!credentials) {
        co_return Admission::denied;
    }
    if (state->auth->look_up(*credentials)) {
        co_return Admission::granted;
    }
    // Limited for each address too, so that who guesses does not keep out who knows.
    if (state->password_checks.size() >= state->options.max_password_checks ||
        state->password_checks.count(client) >= state->options.max_password_checks_of_address) {
        co_return Admission::later;
    }
    const PasswordCheck check(state, client);
    bool right = false;
    // The worker is stopped, and waited for, before this frame is destroyed.
    std::function<void()> job = [&auth = *state->auth, &credentials = *credentials, &right] {
        right = auth.check(credentials);
    };
    co_await run_on(state->password_checker, std::move(job));
    if (right) {
        state->auth->remember(*credentials);
    }
    co_return right ? Admission::granted : Admission::denied;
}

asio::awaitable<HttpResponse> respond(StatePtr state, const HttpRequest& request,
                                      asio::ip::address client) {
    const Admission admission = co_await admit(state, request, client);
    if (state->stopped) {
        co_return ask_to_come_later(request,
                                    state->site); // whom the handler belongs to may be gone
    }
    if (admission != Admission::granted) {
        co_return admission == Admission::denied ? ask_for_password(request, state->site)
                                                 : ask_to_come_later(request, state->site);
    }
    HttpAnswer answer = wattvisor::answer(request, state->site);
    if (answer.to_compress) {
        bool done = answer.to_compress->is_gzipped();
        if (!done) {
            std::function<void()> job = [page = answer.to_compress, &done] {
                try {
                    done = !page->gzipped().empty();
                } catch (const std::bad_alloc&) {
                    done = false; // the page is sent as it is
                }
            };
            co_await run_on(state->compressor, std::move(job));
        }
        if (done) {
            use_gzip(answer, request);
        }
    }
    co_return std::move(answer.response);
}

template <typename Stream>
asio::awaitable<void> talk(StatePtr state, Connection& connection, Stream& stream,
                           asio::ip::address client) {
    beast::tcp_stream& lowest = beast::get_lowest_layer(stream);
    beast::flat_buffer buffer(kBufferLimit);
    bool first = true;
    while (!state->stopped) {
        if (!first) {
            connection.wait_for_client();
            if (!co_await next_request_begins(stream, buffer, state->options.idle_timeout)) {
                co_return;
            }
        }
        first = false;
        http::request_parser<http::string_body> parser;
        parser.header_limit(kHeaderLimit);
        parser.body_limit(kBodyLimit);
        // One deadline for the whole request, however slowly its bytes drip in.
        lowest.expires_after(state->options.request_timeout);
        const auto [error, read] = co_await http::async_read(stream, buffer, parser, kAsTuple);
        if (error && is_over(error)) {
            co_return;
        }
        connection.answer_client();
        HttpResponse response;
        if (error) {
            response = answer_to_rubbish(error, state->site);
        } else { // not with ?: since GCC 12 destroys what is awaited there twice
            response = co_await respond(state, parser.get(), client);
        }
        lowest.expires_after(state->options.request_timeout);
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

// Without waiting for the client; the little that is sent fits its socket.
void send_now(tcp::socket& socket, std::string_view text) {
    beast::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.send(asio::buffer(text.data(), text.size()), 0, ignored);
}

bool is_plain_http(const beast::error_code& error) {
    return error.category() == asio::error::get_ssl_category() &&
           ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST;
}

asio::awaitable<void> serve_with_tls(StatePtr state, tcp::socket socket, asio::ip::address client) {
    // Kept, since certificates may be renewed while it is connected.
    const std::shared_ptr<asio::ssl::context> context = state->tls->current(steady_clock::now());
    beast::ssl_stream<beast::tcp_stream> stream(beast::tcp_stream(std::move(socket)), *context);
    beast::tcp_stream& lowest = beast::get_lowest_layer(stream);
    Connection connection(state, lowest);
    lowest.expires_after(state->options.request_timeout);
    const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kAsTuple);
    if (error) {
        if (is_plain_http(error)) {
            send_now(lowest.socket(), kWantsTls);
            co_await say_farewell(lowest);
        }
        co_return;
    }
    co_await talk(state, connection, stream, client);
}

asio::awaitable<void> serve(StatePtr state, tcp::socket socket) {
    beast::error_code gone;
    const tcp::endpoint client = socket.remote_endpoint(gone);
    if (gone) {
        co_return;
    }
    if (state->tls) {
        co_await serve_with_tls(state, std::move(socket), client.address());
        co_return;
    }
    beast::tcp_stream stream(std::move(socket));
    Connection connection(state, stream);
    co_await talk(state, connection, stream, client.address());
}

void refuse(const HttpServerState& state, tcp::socket socket) {
    if (!state.tls) {
        send_now(socket, kBusy);
    }
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
    if (state->connections.size() >= state->options.max_connections && !make_room(*state)) {
        refuse(*state, std::move(socket));
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

bool HttpServer::has_tls() const {
    return state_->tls.has_value();
}

std::size_t HttpServer::connections() const {
    return state_->connections.size();
}

void HttpServer::stop() {
    if (std::exchange(state_->stopped, true)) {
        return;
    }
    beast::error_code ignored;
    state_->acceptor.close(ignored);
    state_->pause.cancel();
    // Before the connections: their coroutines' frames are what jobs refer to.
    state_->compressor.stop();
    state_->password_checker.stop();
    while (!state_->connections.empty()) {
        (*state_->connections.begin())->close();
    }
}

} // namespace wattvisor
