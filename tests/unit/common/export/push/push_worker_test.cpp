// SPDX-License-Identifier: Apache-2.0
// The worker with a server that does what a test tells it. Real servers: tests/e2e/test_push.py.
#include "common/export/push/push_worker.hpp"
#include "tests/support/log_capture.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wattvisor {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

PushAnswer taken() {
    return {PushOutcome::taken, {}};
}
PushAnswer refused() {
    return {PushOutcome::refused, "bad token"};
}
PushAnswer busy() {
    return {PushOutcome::busy, "too many requests"};
}
PushAnswer away() {
    return {PushOutcome::away, "connection refused"};
}

// What a server was sent and what it will answer; it takes everything when there is nothing left.
struct Script {
    std::vector<std::string> got;
    std::deque<PushAnswer> answers;
    bool throws_once = false;
    bool never_answers = false;
};

class ScriptedServer final : public PushTransport {
public:
    ScriptedServer(asio::io_context& io, Script& script) : timer_(io), script_(script) {}

    asio::awaitable<PushAnswer> send(std::string_view message) override {
        script_.got.emplace_back(message);
        // A server answers later, never at once.
        timer_.expires_after(script_.never_answers ? 24h : 0h);
        co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (std::exchange(script_.throws_once, false)) {
            throw std::runtime_error("out of memory");
        }
        if (script_.answers.empty()) {
            co_return taken();
        }
        PushAnswer answer = std::move(script_.answers.front());
        script_.answers.pop_front();
        co_return answer;
    }
    [[nodiscard]] std::string where() const override { return "http://server"; }

private:
    asio::steady_timer timer_;
    Script& script_;
};

class PushWorkerTest : public testing::Test {
protected:
    void make(std::size_t queue_bytes = 1024) {
        PushSettings settings{"warp10"};
        settings.queue_bytes = queue_bytes;
        settings.back_off = {1us, 10us};
        worker_.emplace(io_, std::move(settings), std::make_unique<ScriptedServer>(io_, script_),
                        counts_);
    }
    void push(const std::string& text, std::size_t values = 1) {
        worker_->push({PushMessage{text, values}});
    }
    // Until `done`, or for as long as a slow machine may take.
    void run_until(const std::function<bool()>& done) {
        const auto deadline = std::chrono::steady_clock::now() + 30s;
        while (!done() && std::chrono::steady_clock::now() < deadline) {
            io_.restart();
            io_.run_one_for(100ms);
        }
        EXPECT_TRUE(done());
    }
    void run_until_sent(std::uint64_t values) {
        run_until([this, values] { return counts_.sent >= values; });
    }

    // Outlives what its coroutine holds.
    Script script_;
    PushCounts counts_;
    test::LogCapture log_;
    asio::io_context io_;
    std::optional<PushWorker> worker_;
};

TEST_F(PushWorkerTest, SendsInOrderAndCountsValues) {
    make();
    worker_->push({{"a", 2}, {"b", 3}});
    push("c", 4);
    run_until_sent(9);
    EXPECT_THAT(script_.got, ElementsAre("a", "b", "c"));
    push("d"); // it waits for messages by now
    run_until_sent(10);
    EXPECT_EQ(counts_.dropped + counts_.failures, 0U);
    EXPECT_EQ(log_.text(), "");
}

TEST_F(PushWorkerTest, NeverSendsWhilePushIsCalled) {
    make();
    push("a");
    EXPECT_TRUE(script_.got.empty());
}

TEST_F(PushWorkerTest, TriesAgainWhileTheServerIsAwayForAsLongAsItTakes) {
    make();
    script_.answers.assign(20, away());
    push("a");
    run_until_sent(1);
    EXPECT_EQ(script_.got, std::vector<std::string>(21, "a"));
    EXPECT_EQ(counts_.failures, 20U);
    EXPECT_EQ(counts_.dropped, 0U);
    EXPECT_EQ(log_.text(), "warning: warp10: http://server takes nothing: connection refused; "
                           "trying again\n"
                           "info: warp10: http://server takes metrics again; 0 values were lost\n");
}

TEST_F(PushWorkerTest, LosesTheOldestWhileTheServerIsAwayAndSaysHowMuch) {
    make(2);
    script_.answers.assign(3, away());
    push("a", 5);
    run_until([this] { return counts_.failures == 1; });
    for (const char* text : {"b", "c", "d"}) {
        push(text, 7);
    }
    run_until_sent(14);
    EXPECT_EQ(counts_.dropped, 12U); // a and b
    EXPECT_THAT(log_.text(), HasSubstr("takes metrics again; 12 values were lost"));
    EXPECT_EQ(script_.got.back(), "d");
}

TEST_F(PushWorkerTest, KeepsTheNewestOnlyForAPushgateway) {
    make(0);
    script_.answers = {away()};
    push("a");
    run_until([this] { return counts_.failures == 1; });
    push("b");
    push("c");
    run_until_sent(1);
    EXPECT_EQ(script_.got.back(), "c");
    EXPECT_EQ(counts_.dropped, 2U);
}

// What waits with a message that is being sent must not push it out twice, nor be lost with it.
TEST_F(PushWorkerTest, CountsEachValueOnceHoweverItEnds) {
    make(3);
    for (int i = 0; i < 50; ++i) {
        const PushAnswer answer = i % 5 == 0 ? refused() : i % 3 == 0 ? busy() : away();
        script_.answers.push_back(answer);
    }
    std::uint64_t pushed = 0;
    for (std::size_t i = 0; i < 40; ++i) {
        push("x", i + 1);
        pushed += i + 1;
        const std::uint64_t failures = counts_.failures;
        run_until([&] { return counts_.failures > failures || counts_.sent > 0; });
    }
    run_until([&] { return counts_.sent + counts_.dropped == pushed; });
    EXPECT_GT(counts_.dropped, 0U);
}

TEST_F(PushWorkerTest, DropsWhatIsRefusedAndGoesOn) {
    make();
    script_.answers = {refused(), refused()};
    worker_->push({{"a", 2}, {"b", 3}, {"c", 4}});
    run_until_sent(4);
    EXPECT_THAT(script_.got, ElementsAre("a", "b", "c"));
    EXPECT_EQ(counts_.dropped, 5U);
    EXPECT_EQ(counts_.failures, 2U);
    EXPECT_EQ(log_.text(),
              "warning: warp10: http://server refuses what is sent: bad token; that is lost\n"
              "info: warp10: http://server takes metrics again; 5 values were lost\n");
    script_.answers = {refused()};
    worker_->push({{"d", 1}, {"e", 1}});
    run_until_sent(5);
    EXPECT_THAT(log_.text(), HasSubstr("takes metrics again; 1 values were lost"));
}

// A server that answers 429 or 503 to one message for ever is not away: what comes behind it is.
TEST_F(PushWorkerTest, GivesUpAMessageThatAServerIsTooBusyForFiveTimes) {
    make();
    script_.answers.assign(5 + 4, busy()); // the next one has five attempts of its own
    worker_->push({{"a", 2}, {"b", 3}});
    run_until_sent(3);
    EXPECT_THAT(script_.got, ElementsAre("a", "a", "a", "a", "a", "b", "b", "b", "b", "b"));
    EXPECT_EQ(counts_.dropped, 2U);
}

TEST_F(PushWorkerTest, DoesNotGiveUpAMessageWhileTheServerIsAwayNowAndThen) {
    make();
    script_.answers = {busy(), busy(), busy(), busy(), away(), busy(), busy(), busy(), busy()};
    push("a");
    run_until_sent(1);
    EXPECT_EQ(script_.got.size(), 10U);
    EXPECT_EQ(counts_.dropped, 0U);
}

// A server that is away, then back and refuses, is two things to know; the rest is repetition.
TEST_F(PushWorkerTest, LogsEachKindOfTroubleOnceUntilTheServerIsWell) {
    make();
    script_.answers = {away(), away(), refused(), away(), refused(), busy(), taken(), away()};
    worker_->push({{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}});
    run_until([this] { return counts_.sent == 2; });
    std::string text = log_.text();
    std::vector<std::string> levels;
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos;
         text.erase(0, end + 1)) {
        levels.push_back(text.substr(0, text.find(':')));
    }
    // Away, refused, busy; well; away again; well.
    EXPECT_THAT(levels, ElementsAre("warning", "warning", "warning", "info", "warning", "info"));
}

TEST_F(PushWorkerTest, LogsWhatAServerSaysPrintableAndShort) {
    make();
    script_.answers = {{PushOutcome::refused, "\x1b[2J\nforged" + std::string(100'000, 'x')}};
    worker_->push({{"a", 1}, {"b", 1}});
    run_until_sent(1);
    const std::string first = log_.text().substr(0, log_.text().find('\n'));
    EXPECT_THAT(first, HasSubstr("\\x1b[2J\\x0aforgedx"));
    EXPECT_LT(first.size(), 500U);
    EXPECT_THAT(log_.text(), Not(HasSubstr("\x1b")));
}

TEST_F(PushWorkerTest, TakesAnExceptionForAServerThatIsAway) {
    make();
    script_.throws_once = true;
    push("a");
    run_until_sent(1);
    EXPECT_EQ(counts_.failures, 1U);
    EXPECT_THAT(log_.text(), HasSubstr("takes nothing: out of memory"));
}

TEST_F(PushWorkerTest, EndsWhileItSendsPausesOrWaits) {
    for (const auto& [answers, done] : {std::pair<PushAnswer, std::function<bool()>>{
                                            taken(), [this] { return script_.got.size() == 1; }},
                                        {away(), [this] { return counts_.failures == 1; }},
                                        {taken(), [this] { return counts_.sent == 1; }}}) {
        script_ = {};
        counts_ = {};
        script_.answers = {answers};
        make();
        push("a");
        run_until(done);
        worker_.reset();
        io_.restart();
        io_.run_for(30s); // ends when there is nothing left to do
        EXPECT_TRUE(io_.stopped());
        EXPECT_EQ(script_.got.size(), 1U) << "it went on";
    }
}

// The agent ends: what a hanging server holds is thrown away with the loop.
TEST_F(PushWorkerTest, MayBeLeftBehindWithALoopThatNoLongerRuns) {
    make();
    script_.never_answers = true;
    push("a");
    run_until([this] { return !script_.got.empty(); });
    worker_.reset();
}

} // namespace
} // namespace wattvisor
