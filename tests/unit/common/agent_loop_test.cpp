// SPDX-License-Identifier: Apache-2.0
#include "common/agent_loop.hpp"
#include "tests/support/log_capture.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kRange = 1'000'000'000'000;

class ScriptedEnergy final : public EnergySource {
public:
    [[nodiscard]] Result<EnergySample> read(nanoseconds now) override {
        if (!failure.empty()) {
            return Error{Severity::transient, failure, "the source", {}};
        }
        EnergySample sample;
        sample.zones = std::make_shared<const ZoneList>(
            ZoneList{{"intel-rapl:0", "package-0", ZoneKind::package, 0, kRange},
                     {"intel-rapl:0:0", "dram", ZoneKind::dram, 0, kRange}});
        sample.counters_uj.emplace_back(counter_uj += 1000);
        if (dram_failure.empty()) {
            sample.counters_uj.emplace_back(counter_uj);
        } else {
            sample.counters_uj.emplace_back(Error{Severity::transient, dram_failure, "dram", {}});
        }
        sample.epoch = "local";
        sample.time = now;
        sample.sequence = ++sequence;
        return sample;
    }
    std::string failure;
    std::string dram_failure;
    std::uint64_t counter_uj = 0;
    std::uint64_t sequence = 0;
};

class Nobody final : public ConsumerSource {
public:
    [[nodiscard]] UsageSample collect() override { return {}; }
};

class CallingSink final : public Sink {
public:
    explicit CallingSink(std::function<void(const SnapshotPtr&)> call) : call_(std::move(call)) {}
    void publish(const SnapshotPtr& snapshot) override { call_(snapshot); }

private:
    std::function<void(const SnapshotPtr&)> call_;
};

class Loop : public testing::Test {
protected:
    Loop() : loop(io, meter, energy, nobody, 1ms) {}

    // Runs for so many ticks; `after` is called after each, with its number from 1.
    void run(
        int ticks, const std::function<void(int)>& after = [](int) {}) {
        int tick = 0;
        CallingSink sink([&](const SnapshotPtr&) {
            after(++tick);
            if (tick == ticks) {
                loop.stop();
            }
        });
        loop.add_sink(sink);
        loop.run();
        EXPECT_EQ(tick, ticks);
    }

    test::LogCapture log;
    boost::asio::io_context io{1};
    ScriptedEnergy energy;
    Nobody nobody;
    Meter meter{{"epoch", 1ms, 0ns, {}}, Ledger(Residual::idle)};
    AgentLoop loop;
};

TEST_F(Loop, HandsEachSnapshotToTheSinksInTheirOrder) {
    std::vector<std::string> calls;
    std::vector<SnapshotPtr> seen;
    CallingSink ledger([&](const SnapshotPtr& snapshot) {
        calls.emplace_back("ledger");
        seen.push_back(snapshot);
    });
    CallingSink shares([&](const SnapshotPtr& snapshot) {
        calls.emplace_back("shares");
        EXPECT_EQ(snapshot, seen.back());
    });
    loop.add_sink(ledger);
    loop.add_sink(shares);
    run(2);
    EXPECT_THAT(calls, ElementsAre("ledger", "shares", "ledger", "shares"));
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0]->sequence, 1U);
    EXPECT_EQ(seen[1]->sequence, 2U);
}

// A lost connection ended Scaphandre's agent: here it costs one exporter, and is said once.
TEST_F(Loop, GoesOnWhenASinkFails) {
    CallingSink broken([](const SnapshotPtr&) { throw std::runtime_error("the disk is full"); });
    loop.add_sink(broken);
    run(3);
    EXPECT_EQ(energy.sequence, 3U);
    const std::string said = log.take();
    EXPECT_THAT(said, HasSubstr("error: an exporter failed: the disk is full"));
    EXPECT_EQ(said.find("the disk is full"), said.rfind("the disk is full"));
}

TEST_F(Loop, CanBeStoppedByTheFirstTick) {
    run(1);
    EXPECT_EQ(energy.sequence, 1U);
}

// A terminal that nobody reads stops the loop before it runs.
TEST_F(Loop, EndsAtOnceWhenItWasStoppedBefore) {
    loop.stop();
    int ticks = 0;
    CallingSink sink([&ticks](const SnapshotPtr&) { ++ticks; });
    loop.add_sink(sink);
    loop.run();
    EXPECT_LE(ticks, 1);
}

TEST_F(Loop, EndsOnTheSignalsOfAServiceManagerAndOfATerminal) {
    for (const int signal : {SIGTERM, SIGINT}) {
        int ticks = 0;
        CallingSink sink([&ticks, signal](const SnapshotPtr&) {
            if (++ticks == 2) {
                static_cast<void>(std::raise(signal));
            }
        });
        boost::asio::io_context own(1);
        AgentLoop signalled(own, meter, energy, nobody, 1ms);
        signalled.add_sink(sink);
        signalled.run();
        EXPECT_GE(ticks, 2);
        EXPECT_THAT(log.take(), HasSubstr("info: stopping on signal " + std::to_string(signal)));
    }
}

// A scraper or a pager that goes away must not end the agent.
TEST_F(Loop, OutlivesAPipeThatBreaks) {
    const auto before = std::signal(SIGPIPE, SIG_DFL);
    run(2, [](int) { static_cast<void>(std::raise(SIGPIPE)); });
    static_cast<void>(std::signal(SIGPIPE, before));
}

TEST_F(Loop, SaysOnceThatEnergyArrives) {
    run(5);
    EXPECT_EQ(log.take(), "info: energy arrives from 2 zones\n");
}

TEST_F(Loop, LogsThatTheSourceWentAwayAndCameBackOnce) {
    energy.failure = "no such folder";
    std::vector<std::string> logged;
    run(7, [&](int tick) {
        logged.push_back(log.take());
        energy.failure = tick < 3 ? "no such folder" : tick < 5 ? "permission denied\n" : "";
    });
    EXPECT_THAT(logged,
                ElementsAre("warning: no power is known: the source: no such folder\n", "", "",
                            testing::StartsWith("warning: no power is known: the source: "
                                                "permission denied"),
                            "", "info: energy arrives from 2 zones\n", ""));
}

// One zone failing is no reason to leave out the others.
TEST_F(Loop, LogsAZoneThatIsLeftOutAndThatItIsBackOnce) {
    std::vector<std::string> logged;
    run(6, [&](int tick) {
        logged.push_back(log.take());
        energy.dram_failure = tick >= 2 && tick < 4 ? "is empty" : "";
    });
    EXPECT_THAT(logged, ElementsAre("info: energy arrives from 2 zones\n", "",
                                    "warning: zone intel-rapl:0:0 is left out: dram: is empty\n",
                                    "", "info: zone intel-rapl:0:0 can be read again\n", ""));
}

// What was seen of a counter is one line, and a metric.
TEST_F(Loop, LogsACounterThatWrappedWasResetOrLeaptOnce) {
    std::vector<std::string> logged;
    run(8, [&](int tick) {
        logged.push_back(log.take());
        if (tick == 2) {
            energy.counter_uj = kRange - 2000; // further than a zone can go
        }
        if (tick == 4) {
            energy.counter_uj = 3; // over the edge
        }
        if (tick == 6) {
            energy.counter_uj = 2;
        }
    });
    EXPECT_THAT(testing::PrintToString(logged),
                testing::AllOf(HasSubstr("the counter leapt"), HasSubstr("began again at 0"),
                               HasSubstr("the counter was reset")));
}

TEST_F(Loop, LogsAProblemOnOneLine) {
    energy.failure = "a name\nerror: all is lost\x1b[2J";
    run(1);
    const std::string text = log.take();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(OpenFileLimit, IsRaisedToWhatTheSystemAllows) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit low = before;
    low.rlim_cur = std::min<rlim_t>(before.rlim_max, 256);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    raise_open_file_limit();
    rlimit after{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
    EXPECT_GE(after.rlim_cur, before.rlim_max);
    EXPECT_EQ(after.rlim_cur, after.rlim_max);
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &before));
}

} // namespace
} // namespace wattvisor
