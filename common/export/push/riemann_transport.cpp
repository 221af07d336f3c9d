// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/riemann_transport.hpp"

#include "common/export/push/riemann_events.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/endian/conversion.hpp>

#include <array>
#include <utility>

namespace wattvisor {

namespace asio = boost::asio;
namespace beast = boost::beast;
using std::chrono::steady_clock;

namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
// An answer is "ok", or an error and its stack trace.
constexpr std::uint32_t kLongestAnswer = 1U << 20U;

template <typename Stream>
asio::awaitable<PushAnswer> exchange_on(Stream& stream, std::string_view message) {
    const auto [lost, written] =
        co_await asio::async_write(stream, asio::buffer(message.data(), message.size()), kAsTuple);
    if (lost) {
        co_return PushAnswer{PushOutcome::away, connection_error(lost)};
    }
    std::array<unsigned char, 4> length{};
    const auto [no_length, length_read] =
        co_await asio::async_read(stream, asio::buffer(length), kAsTuple);
    if (no_length) {
        co_return PushAnswer{PushOutcome::away, connection_error(no_length)};
    }
    const auto size =
        boost::endian::endian_load<std::uint32_t, 4, boost::endian::order::big>(length.data());
    if (size > kLongestAnswer) {
        co_return PushAnswer{PushOutcome::away, "what answers there is no Riemann server"};
    }
    std::string text(size, '\0');
    const auto [no_text, text_read] =
        co_await asio::async_read(stream, asio::buffer(text), kAsTuple);
    if (no_text) {
        co_return PushAnswer{PushOutcome::away, connection_error(no_text)};
    }
    RiemannAnswer answer = read_riemann_answer(text);
    co_return PushAnswer{answer.ok ? PushOutcome::taken : PushOutcome::refused,
                         std::move(answer.error)};
}

} // namespace

void RiemannTransport::disconnect() {
    plain_.reset();
    tls_.reset();
    context_.reset();
}

asio::awaitable<std::string> RiemannTransport::connect(Deadline deadline) {
    if (!target_.tls) {
        plain_ = std::make_unique<beast::tcp_stream>(io_);
        co_return co_await connect_to(*plain_, target_.server, deadline);
    }
    auto context = make_tls_context(*target_.tls);
    if (!context) {
        co_return context.error().message();
    }
    context_ = *context;
    tls_ = std::make_unique<TlsStream>(io_, *context_);
    std::string problem = co_await connect_to(tls_->next_layer(), target_.server, deadline);
    if (problem.empty()) {
        problem = co_await shake_hands(*tls_, target_.server, target_.tls->verify);
    }
    co_return problem;
}

asio::awaitable<PushAnswer> RiemannTransport::exchange(std::string_view message,
                                                       Deadline deadline) {
    if (tls_) {
        tls_->next_layer().expires_at(deadline);
        co_return co_await exchange_on(*tls_, message);
    }
    plain_->expires_at(deadline);
    co_return co_await exchange_on(*plain_, message);
}

asio::awaitable<PushAnswer> RiemannTransport::send(std::string_view message) {
    const Deadline deadline = steady_clock::now() + target_.timeout;
    if (is_connected()) {
        PushAnswer answer = co_await exchange(message, deadline);
        if (answer.outcome != PushOutcome::away || steady_clock::now() >= deadline) {
            if (answer.outcome == PushOutcome::away) {
                disconnect();
            }
            co_return answer;
        }
        disconnect();
    }
    std::string problem = co_await connect(deadline);
    if (!problem.empty()) {
        disconnect();
        co_return PushAnswer{PushOutcome::away, std::move(problem)};
    }
    PushAnswer answer = co_await exchange(message, deadline);
    if (answer.outcome == PushOutcome::away) {
        disconnect();
    }
    co_return answer;
}

std::string RiemannTransport::where() const {
    return (target_.tls ? "tls://" : "tcp://") + target_.server.text();
}

} // namespace wattvisor
