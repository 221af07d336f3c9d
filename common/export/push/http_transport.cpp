// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/http_transport.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace wattvisor {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using std::chrono::steady_clock;

namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kHeaderLimit = 16 * 1024;
constexpr std::uint64_t kBodyLimit = 64UL * 1024;

using Request = http::request<http::span_body<const char>>;

Request make_request(const HttpTarget& target, std::string_view message) {
    Request request;
    request.method_string(target.method);
    request.target(target.path);
    request.version(11);
    request.set(http::field::host, target.server.text());
    request.set(http::field::user_agent, "wattvisor/" WATTVISOR_VERSION);
    request.set(http::field::connection, "close");
    request.set(http::field::content_type, target.content_type);
    for (const auto& [name, value] : target.headers) {
        request.set(name, value);
    }
    request.body() = boost::beast::span<const char>(message.data(), message.size());
    request.prepare_payload();
    return request;
}

std::string reason_of(const http::response<http::string_body>& response, const HttpTarget& target) {
    std::string reason;
    if (!target.error_header.empty() && response.count(target.error_header) > 0) {
        reason = response[target.error_header];
    } else {
        reason = response.body();
    }
    while (!reason.empty() && (reason.back() == '\n' || reason.back() == '\r')) {
        reason.pop_back();
    }
    return "HTTP status " + std::to_string(response.result_int()) +
           (reason.empty() ? "" : ": " + without_secret(std::move(reason), target.secret));
}

template <typename Stream>
asio::awaitable<PushAnswer> exchange(Stream& stream, const HttpTarget& target,
                                     std::string_view message) {
    Request request = make_request(target, message);
    const auto [lost, written] = co_await http::async_write(stream, request, kAsTuple);
    if (lost) {
        co_return PushAnswer{PushOutcome::away, connection_error(lost)};
    }
    http::response_parser<http::string_body> parser;
    parser.header_limit(kHeaderLimit);
    parser.body_limit(kBodyLimit);
    beast::flat_buffer buffer(kHeaderLimit + kBodyLimit);
    const auto [error, read] = co_await http::async_read(stream, buffer, parser, kAsTuple);
    // The status is what counts: a body that is too long or cut off changes nothing in it.
    if (error && !parser.is_header_done()) {
        co_return PushAnswer{PushOutcome::away, connection_error(error)};
    }
    const PushOutcome outcome = outcome_of_status(parser.get().result_int());
    co_return PushAnswer{outcome, outcome == PushOutcome::taken ? std::string()
                                                                : reason_of(parser.get(), target)};
}

} // namespace

asio::awaitable<PushAnswer> HttpTransport::send(std::string_view message) {
    const auto deadline = steady_clock::now() + target_.timeout;
    if (!target_.tls) {
        beast::tcp_stream stream(io_);
        std::string problem = co_await connect_to(stream, target_.server, deadline);
        if (!problem.empty()) {
            co_return PushAnswer{PushOutcome::away, std::move(problem)};
        }
        co_return co_await exchange(stream, target_, message);
    }
    const auto context = make_tls_context(*target_.tls);
    if (!context) {
        co_return PushAnswer{PushOutcome::away, context.error().message()};
    }
    TlsStream stream(io_, **context);
    std::string problem = co_await connect_to(stream.next_layer(), target_.server, deadline);
    if (problem.empty()) {
        problem = co_await shake_hands(stream, target_.server, target_.tls->verify);
    }
    if (!problem.empty()) {
        co_return PushAnswer{PushOutcome::away, std::move(problem)};
    }
    co_return co_await exchange(stream, target_, message);
}

std::string HttpTransport::where() const {
    return (target_.tls ? "https://" : "http://") + target_.server.text();
}

PushOutcome outcome_of_status(unsigned status) {
    if (status >= 200 && status < 300) {
        return PushOutcome::taken;
    }
    // Too slow, too many, and all that a server blames itself for.
    if (status == 408 || status == 429 || status >= 500) {
        return PushOutcome::busy;
    }
    return PushOutcome::refused;
}

std::string without_secret(std::string text, std::string_view secret) {
    constexpr std::string_view kStars = "***";
    if (secret.empty()) {
        return text;
    }
    for (std::size_t at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at + kStars.size())) {
        text.replace(at, secret.size(), kStars);
    }
    return text;
}

} // namespace wattvisor
