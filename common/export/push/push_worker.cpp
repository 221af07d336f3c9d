// SPDX-License-Identifier: Apache-2.0
// One coroutine per exporter. Errors come as values, so that nothing is thrown across a suspension.
#include "common/export/push/push_worker.hpp"

#include "common/cli/safe_text.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <exception>
#include <random>
#include <set>
#include <utility>

namespace wattvisor {

namespace asio = boost::asio;

namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
// A message that a server cannot take five times, though it answers, is at fault itself: it must
// not hold up what comes behind it.
constexpr unsigned kMostBusyAnswers = 5;
constexpr std::size_t kMostOfAnError = 300; // characters of it in the log

} // namespace

struct PushWorkerState {
    PushWorkerState(asio::io_context& io, PushSettings given,
                    std::unique_ptr<PushTransport> transport_given, PushCounts& counts_given)
        : settings(std::move(given)), transport(std::move(transport_given)), counts(counts_given),
          queue(settings.queue_bytes), timer(io), random(std::random_device()()) {}

    void drop(std::size_t values) {
        counts.dropped += values;
        lost += values;
    }
    void handle(PushQueue::Item item, const PushAnswer& answer);
    void log_trouble(const PushAnswer& answer);
    void log_recovery();
    [[nodiscard]] std::chrono::nanoseconds pause() {
        return settings.back_off.pause(failures,
                                       std::uniform_real_distribution<double>(0, 1)(random));
    }

    PushSettings settings;
    std::unique_ptr<PushTransport> transport;
    PushCounts& counts;
    PushQueue queue;
    asio::steady_timer timer; // waits for the next message, or for the end of a pause
    std::minstd_rand random;
    unsigned failures = 0;        // in a row
    unsigned busy = 0;            // of them: answers that the message in front got
    std::uint64_t lost = 0;       // values since the server was last well
    std::set<PushOutcome> logged; // what was told of this trouble
    bool waits_for_messages = false;
    bool stopped = false;
};

void PushWorkerState::handle(PushQueue::Item item, const PushAnswer& answer) {
    if (answer.outcome == PushOutcome::taken) {
        counts.sent += item.message.values;
        failures = 0;
        busy = 0;
        log_recovery();
        return;
    }
    ++counts.failures;
    ++failures;
    busy = answer.outcome == PushOutcome::busy ? busy + 1 : 0;
    log_trouble(answer);
    if (answer.outcome == PushOutcome::refused || busy >= kMostBusyAnswers) {
        busy = 0;
        drop(item.message.values);
    } else {
        drop(queue.give_back(std::move(item)));
    }
}

// A server that is away, then back and refuses, is two things to know; the rest is repetition.
void PushWorkerState::log_trouble(const PushAnswer& answer) {
    const std::string what = printable(answer.what, kMostOfAnError);
    if (!logged.insert(answer.outcome).second) {
        spdlog::debug("{}: {}: {}", settings.exporter, transport->where(), what);
        return;
    }
    const bool refused = answer.outcome == PushOutcome::refused;
    spdlog::warn("{}: {} {}: {}; {}", settings.exporter, transport->where(),
                 refused ? "refuses what is sent" : "takes nothing", what,
                 refused ? "that is lost" : "trying again");
}

void PushWorkerState::log_recovery() {
    if (!logged.empty()) {
        spdlog::info("{}: {} takes metrics again; {} values were lost", settings.exporter,
                     transport->where(), lost);
    }
    logged.clear();
    lost = 0;
}

namespace {

using StatePtr = std::shared_ptr<PushWorkerState>;

asio::awaitable<PushAnswer> send(PushWorkerState& state, std::string_view bytes) {
    try {
        co_return co_await state.transport->send(bytes);
    } catch (const std::exception& error) { // no memory, say: this exporter alone must suffer
        co_return PushAnswer{PushOutcome::away, error.what()};
    }
}

asio::awaitable<void> work(StatePtr state) {
    while (!state->stopped) {
        auto item = state->queue.take();
        if (!item) {
            state->waits_for_messages = true;
            state->timer.expires_at(asio::steady_timer::time_point::max());
            co_await state->timer.async_wait(kAsTuple);
            state->waits_for_messages = false;
            continue;
        }
        const PushAnswer answer = co_await send(*state, item->message.bytes);
        if (state->stopped) {
            co_return;
        }
        state->handle(std::move(*item), answer);
        if (answer.outcome != PushOutcome::taken) {
            state->timer.expires_after(state->pause());
            co_await state->timer.async_wait(kAsTuple);
        }
    }
}

} // namespace

PushWorker::PushWorker(asio::io_context& io, PushSettings settings,
                       std::unique_ptr<PushTransport> transport, PushCounts& counts)
    : state_(std::make_shared<PushWorkerState>(io, std::move(settings), std::move(transport),
                                               counts)) {
    asio::co_spawn(io, work(state_), asio::detached);
}

PushWorker::~PushWorker() {
    state_->stopped = true;
    try {
        state_->timer.cancel();
    } catch (...) { // NOLINT(bugprone-empty-catch)
        // What it waits for is thrown away with the context.
    }
}

void PushWorker::push(std::vector<PushMessage> messages) {
    state_->drop(state_->queue.push(std::move(messages)));
    if (state_->waits_for_messages) {
        state_->timer.cancel();
    }
}

} // namespace wattvisor
