// SPDX-License-Identifier: Apache-2.0
#include "common/export/paced_sink.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

struct Received {
    std::vector<SnapshotPtr> snapshots;
    bool is_closed = false;
};

class Recorder final : public Sink {
public:
    explicit Recorder(Received& received) : received_(received) {}
    ~Recorder() override { received_.is_closed = true; }
    void publish(const SnapshotPtr& snapshot) override { received_.snapshots.push_back(snapshot); }

private:
    Received& received_;
};

// The agent's timer with a tick of 1 s, each with a measurement of its own.
class Agent {
public:
    explicit Agent(const Pace& pace, const ConsumerFilter& filter = {}, nanoseconds tick = 1s)
        : sink(pace, filter, [this] { ++ends; }) {
        sink.give(std::make_unique<Recorder>(received));
        snapshot.interval = tick;
        snapshot.sequence = 0;
        snapshot.ticks = 0;
        snapshot.ticks_skipped = 0;
        snapshot.measured.reset();
    }
    void tick() {
        ++snapshot.sequence;
        ++snapshot.ticks;
        if (snapshot.sequence > 1) {
            snapshot.measured = snapshot.interval;
            snapshot.zones[0].total_uj += 1'000'000;
        }
        publish();
    }
    void publish() { sink.publish(std::make_shared<const Snapshot>(snapshot)); }
    // How many ticks there were until it ended.
    int run(int most = 500) {
        int ticks = 0;
        while (ends == 0 && ticks < most) {
            tick();
            ++ticks;
        }
        return ticks;
    }

    Snapshot snapshot = test::host_snapshot();
    Received received;
    int ends = 0;
    PacedSink sink;
};

TEST(PacedSink, HandsOnEveryTickUnlessToldOtherwise) {
    Agent agent({});
    EXPECT_EQ(agent.run(), 500);
    EXPECT_EQ(agent.received.snapshots.size(), 500U);
    EXPECT_EQ(agent.received.snapshots[9]->measured, 1s);
}

TEST(PacedSink, HandsOnTheMeanOfEachInterval) {
    Agent agent({30s, {}});
    agent.run(61);
    ASSERT_EQ(agent.received.snapshots.size(), 3U) << "at 0, 30 and 60 s";
    EXPECT_EQ(agent.received.snapshots[0]->measured, std::nullopt);
    EXPECT_EQ(agent.received.snapshots[1]->measured, 30s);
    EXPECT_EQ(agent.received.snapshots[1]->zones[0].power_uw, 1'000'000U);
    EXPECT_EQ(agent.received.snapshots[2]->zones[0].power_uw, 1'000'000U);
}

TEST(PacedSink, TakesTheTickAfterAnIntervalThatIsNoMultiple) {
    Agent agent({2500ms, {}});
    agent.run(11); // 0 to 10 s: due at 0, 2.5, 5, 7.5, 10
    EXPECT_EQ(agent.received.snapshots.size(), 5U);
}

TEST(PacedSink, GoesOnInStepWhereTicksWereSkipped) {
    Agent agent({2s, {}});
    agent.run(3);
    agent.snapshot.ticks_skipped = 5;
    agent.tick(); // at 8 s
    EXPECT_EQ(agent.received.snapshots.size(), 3U);
    agent.tick();
    EXPECT_EQ(agent.received.snapshots.size(), 3U);
    agent.tick();
    EXPECT_EQ(agent.received.snapshots.size(), 4U) << "at 10 s, not one for each that was missed";
}

struct Schedule {
    nanoseconds timeout;
    nanoseconds step;
    int ticks;
};

// The first tick is at 0 and only begins a measurement, so -t 10 -s 2 are reports at 2, 4, … 10 s.
TEST(PacedSink, EndsWhenItsTimeIsOver) {
    for (const Schedule& expected :
         {Schedule{10s, 2s, 6}, Schedule{2s, 2s, 2}, Schedule{3s, 2s, 2}, Schedule{1s, 1s, 2},
          Schedule{4s, 2s, 3}, Schedule{60s, 5s, 13}, Schedule{1s, 100ms, 11}}) {
        Agent agent({expected.step, expected.timeout}, {}, expected.step);
        EXPECT_EQ(agent.run(), expected.ticks) << expected.timeout.count();
        EXPECT_EQ(agent.ends, 1);
        EXPECT_TRUE(agent.received.is_closed);
        agent.tick();
        EXPECT_EQ(agent.ends, 1) << "said once";
    }
    Agent slow({2s, 10s});
    EXPECT_EQ(slow.run(), 11) << "ticks of the agent are shorter than the step";
    EXPECT_EQ(slow.received.snapshots.size(), 6U);
}

// A tick without a new measurement hands out the snapshot before again.
TEST(PacedSink, CountsTicksThatMeasureNothing) {
    Agent agent({2s, 10s}, {}, 2s);
    test::take_source_down(agent.snapshot, "there is no share yet");
    for (int i = 0; i < 5; ++i) {
        agent.publish();
    }
    EXPECT_EQ(agent.ends, 0);
    agent.publish();
    EXPECT_EQ(agent.ends, 1);
}

TEST(PacedSink, TellsThatTheSourceIsDownAndGoesOnAfterIt) {
    Agent agent({2s, {}});
    agent.run(3);
    test::take_source_down(agent.snapshot, "it stands still");
    agent.publish();
    agent.publish();
    EXPECT_EQ(agent.received.snapshots.back()->source_problem, "it stands still");
    agent.snapshot.source_up = true;
    agent.tick();
    agent.tick();
    agent.tick();
    EXPECT_TRUE(agent.received.snapshots.back()->source_up);
}

TEST(PacedSink, ClosesAnExporterThatWantsNoMore) {
    Agent agent({});
    agent.tick();
    agent.sink.end();
    EXPECT_EQ(agent.ends, 0);
    agent.tick();
    EXPECT_EQ(agent.ends, 1);
    EXPECT_EQ(agent.received.snapshots.size(), 1U);
    EXPECT_TRUE(agent.received.is_closed);
}

TEST(PacedSink, FiltersWhatItHandsOn) {
    ConsumerFilter filter;
    filter.process = Pattern::parse("^web$").value();
    Agent agent({2s, {}}, filter);
    agent.run(3);
    for (const SnapshotPtr& snapshot : agent.received.snapshots) {
        ASSERT_EQ(snapshot->consumers.size(), 1U);
        EXPECT_EQ(snapshot->consumers[0].consumer->name, "web");
    }
}

} // namespace
} // namespace wattvisor
