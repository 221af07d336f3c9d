// SPDX-License-Identifier: Apache-2.0
#include "common/export/stdout_sink.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::HasSubstr;
using testing::StartsWith;

std::size_t count_in(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

// The sink, the loop that it stops, and the agent's timer: each tick has a measurement of its own.
class Terminal {
public:
    explicit Terminal(const StdoutOptions& options, bool with_header = false)
        : out_(std::tmpfile()), sink_(headed(options, with_header), out_, [this] { ++stops; }) {
        snapshot.sequence = 0;
        snapshot.ticks = 0;
        snapshot.ticks_skipped = 0;
        snapshot.measured.reset();
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal() { std::fclose(out_); }

    void tick() {
        ++snapshot.sequence;
        ++snapshot.ticks;
        if (snapshot.sequence > 1) {
            snapshot.measured = 2s;
        }
        publish();
    }
    void publish() { sink_.publish(std::make_shared<const Snapshot>(snapshot)); }
    // Ticks until the sink stops the loop: how many there were.
    int run(int most = 1000) {
        int ticks = 0;
        while (stops == 0 && ticks < most) {
            tick();
            ++ticks;
        }
        return ticks;
    }
    [[nodiscard]] std::string text() const {
        std::string text;
        std::rewind(out_);
        for (int c = std::fgetc(out_); c != EOF; c = std::fgetc(out_)) {
            text += static_cast<char>(c);
        }
        return text;
    }
    [[nodiscard]] std::size_t reports() const { return count_in(text(), "Host:\t"); }

    Snapshot snapshot = test::host_snapshot();
    int stops = 0;

private:
    static StdoutOptions headed(StdoutOptions options, bool with_header) {
        options.with_header = with_header;
        return options;
    }

    std::FILE* out_;
    StdoutSink sink_;
};

StdoutOptions options_of(std::optional<nanoseconds> timeout, nanoseconds step) {
    StdoutOptions options;
    options.timeout = timeout;
    options.step = step;
    return options;
}

struct Schedule {
    nanoseconds timeout;
    nanoseconds step;
    int ticks;
    std::size_t reports;
};

// The first tick is at 0 and only begins a measurement, so -t 10 -s 2 are reports at 2, 4, … 10 s.
TEST(StdoutSink, PrintsAReportPerStepForTheTimeAskedFor) {
    for (const Schedule& expected :
         {Schedule{10s, 2s, 6, 5}, Schedule{2s, 2s, 2, 1}, Schedule{3s, 2s, 2, 1},
          Schedule{1s, 2s, 2, 1}, Schedule{4s, 2s, 3, 2}, Schedule{60s, 5s, 13, 12},
          Schedule{1s, 100ms, 11, 10}}) {
        Terminal terminal(options_of(expected.timeout, expected.step));
        EXPECT_EQ(terminal.run(), expected.ticks) << expected.timeout.count();
        EXPECT_EQ(terminal.reports(), expected.reports) << expected.timeout.count();
    }
}

TEST(StdoutSink, GoesOnForeverWithoutATime) {
    Terminal terminal(options_of(std::nullopt, 2s));
    EXPECT_EQ(terminal.run(500), 500);
    EXPECT_EQ(terminal.stops, 0);
    EXPECT_EQ(terminal.reports(), 499U);
}

// Ticks that were skipped were seconds too.
TEST(StdoutSink, EndsInTimeWhereTicksWereSkipped) {
    Terminal terminal(options_of(10s, 2s));
    terminal.tick();
    terminal.snapshot.ticks_skipped = 3;
    terminal.tick(); // at 8 s
    EXPECT_EQ(terminal.stops, 0);
    terminal.tick();
    EXPECT_EQ(terminal.stops, 1);
}

// A tick without a new measurement hands out the snapshot before again: the same power twice.
TEST(StdoutSink, PrintsAMeasurementOnce) {
    Terminal terminal(options_of(10s, 2s));
    terminal.tick();
    terminal.tick();
    terminal.publish();
    terminal.publish();
    EXPECT_EQ(terminal.reports(), 1U);
    terminal.tick();
    EXPECT_EQ(terminal.reports(), 2U);
    EXPECT_EQ(terminal.stops, 0) << "that was the tick at 8 s";
    terminal.tick();
    EXPECT_EQ(terminal.stops, 1) << "snapshots that were handed out again were ticks too";
}

TEST(StdoutSink, SaysNothingBeforeAMeasurementHasATime) {
    Terminal terminal(options_of(10s, 2s));
    terminal.tick();
    EXPECT_EQ(terminal.text(), "");
}

TEST(StdoutSink, SaysOnceThatNothingIsKnownAndGoesOnAfterIt) {
    Terminal terminal(options_of(std::nullopt, 2s));
    test::take_source_down(terminal.snapshot, "there is no share yet");
    terminal.snapshot.sequence = 0;
    for (int i = 0; i < 3; ++i) {
        terminal.publish();
    }
    EXPECT_EQ(count_in(terminal.text(), "there is no share yet"), 1U);
    EXPECT_EQ(terminal.reports(), 1U);

    terminal.snapshot.source_problem = "is empty";
    terminal.publish();
    EXPECT_EQ(count_in(terminal.text(), "is empty"), 1U);

    terminal.snapshot.source_up = true;
    terminal.tick(); // the first reading
    terminal.tick();
    EXPECT_EQ(terminal.reports(), 3U);

    test::take_source_down(terminal.snapshot, "stand still");
    terminal.publish(); // with the sequence of the report above
    terminal.publish();
    EXPECT_EQ(terminal.reports(), 4U);
    EXPECT_EQ(count_in(terminal.text(), "stand still"), 1U);
}

TEST(StdoutSink, EndsInTimeWhereNothingIsEverKnown) {
    Terminal terminal(options_of(10s, 2s));
    test::take_source_down(terminal.snapshot, "there is no share yet");
    for (int i = 0; i < 5; ++i) {
        terminal.publish();
    }
    EXPECT_EQ(terminal.stops, 0);
    terminal.publish();
    EXPECT_EQ(terminal.stops, 1);
}

TEST(StdoutSink, BeginsWithAHeaderWhereAsked) {
    Terminal with(options_of(10s, 2s), true);
    EXPECT_THAT(with.text(), StartsWith("Wattvisor stdout exporter\n"));
    EXPECT_THAT(with.text(), HasSubstr("Measurement step is: 2s\n"));
    const Terminal without(options_of(10s, 2s), false);
    EXPECT_EQ(without.text(), "");
}

TEST(StdoutSink, ShowsAsManyConsumersAsAskedWithTheirVms) {
    StdoutOptions options = options_of(10s, 2s);
    options.processes = 1;
    options.qemu = true;
    Terminal terminal(options);
    terminal.run();
    EXPECT_THAT(terminal.text(), HasSubstr("Top 1 consumers:"));
    EXPECT_THAT(terminal.text(), HasSubstr("\tdb\n"));
}

TEST(StdoutSink, UsesNoColourInAFile) {
    Terminal terminal(options_of(10s, 2s), true);
    terminal.run();
    EXPECT_EQ(terminal.text().find('\x1b'), std::string::npos);
}

// `wattvisor-guest stdout | head -1`
TEST(StdoutSink, StopsWhereNobodyReadsAnyMore) {
    const auto before = std::signal(SIGPIPE, SIG_IGN); // as the loop does
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    std::FILE* out = ::fdopen(ends[1], "w");
    int stops = 0;
    StdoutOptions options = options_of(std::nullopt, 2s);
    options.with_header = false;
    StdoutSink sink(options, out, [&stops] { ++stops; });
    const auto snapshot = std::make_shared<Snapshot>(test::host_snapshot());
    sink.publish(snapshot);
    EXPECT_EQ(stops, 0);
    ::close(ends[0]);
    const auto next = std::make_shared<Snapshot>(test::host_snapshot());
    ++next->sequence;
    sink.publish(next);
    EXPECT_EQ(stops, 1);
    std::fclose(out);
    static_cast<void>(std::signal(SIGPIPE, before));
}

TEST(StdoutSink, StopsWhereTheDiskIsFull) {
    std::FILE* out = std::fopen("/dev/full", "we");
    ASSERT_NE(out, nullptr);
    int stops = 0;
    StdoutSink sink(options_of(std::nullopt, 2s), out, [&stops] { ++stops; });
    EXPECT_EQ(stops, 1);
    std::fclose(out);
}

} // namespace
} // namespace wattvisor
