// SPDX-License-Identifier: Apache-2.0
#include "common/base/file_descriptor.hpp"
#include "common/export/stdout_sink.hpp"
#include "sample_snapshot.hpp"

#include <gmock/gmock.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <string>
#include <unistd.h>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
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
    explicit Terminal(StdoutOptions options = {}, bool with_header = false) : out_(std::tmpfile()) {
        options.with_header = with_header;
        sink_.emplace(
            io_, options, ::fileno(out_), MetricPage({}, surroundings_, {}), [this] { ++stops; },
            [this] { ++failures; });
        snapshot.sequence = 0;
        snapshot.measured.reset();
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal() {
        sink_.reset();
        std::fclose(out_);
    }

    void tick() {
        ++snapshot.sequence;
        if (snapshot.sequence > 1) {
            snapshot.measured = 2s;
        }
        publish();
    }
    void publish() { sink_->publish(std::make_shared<const Snapshot>(snapshot)); }
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
    int failures = 0;

private:
    boost::asio::io_context io_;
    Surroundings surroundings_;
    std::FILE* out_;
    std::optional<StdoutSink> sink_;
};

// A tick without a new measurement hands out the snapshot before again: the same power twice.
TEST(StdoutSink, PrintsAMeasurementOnce) {
    Terminal terminal;
    terminal.tick();
    terminal.tick();
    terminal.publish();
    terminal.publish();
    EXPECT_EQ(terminal.reports(), 1U);
    terminal.tick();
    EXPECT_EQ(terminal.reports(), 2U);
}

TEST(StdoutSink, SaysNothingBeforeAMeasurementHasATime) {
    Terminal terminal;
    terminal.tick();
    EXPECT_EQ(terminal.text(), "");
}

TEST(StdoutSink, SaysOnceThatNothingIsKnownAndGoesOnAfterIt) {
    Terminal terminal;
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

TEST(StdoutSink, BeginsWithAHeaderWhereAsked) {
    Terminal with({}, true);
    EXPECT_THAT(with.text(), StartsWith("Wattvisor stdout exporter\n"));
    EXPECT_THAT(with.text(), HasSubstr("Measurement step is: 2s\n"));
    const Terminal without;
    EXPECT_EQ(without.text(), "");
}

TEST(StdoutSink, ShowsAsManyConsumersAsAskedWithTheirVms) {
    StdoutOptions options;
    options.processes = 1;
    options.qemu = true;
    Terminal terminal(options);
    terminal.tick();
    terminal.tick();
    EXPECT_THAT(terminal.text(), HasSubstr("Top 1 consumers:"));
    EXPECT_THAT(terminal.text(), HasSubstr("\tdb\n"));
}

TEST(StdoutSink, UsesNoColourInAFile) {
    Terminal terminal({}, true);
    terminal.tick();
    terminal.tick();
    EXPECT_EQ(terminal.text().find('\x1b'), std::string::npos);
}

TEST(StdoutSink, ShowsEveryMetricOnALineInTheRawView) {
    StdoutOptions options;
    options.raw_metrics = true;
    Terminal terminal(options);
    terminal.tick();
    terminal.tick();
    EXPECT_THAT(terminal.text(), StartsWith("## At 1750000002\n"));
    EXPECT_THAT(terminal.text(), HasSubstr("\nscaph_host_power_microwatts = 25500000 {} # Power"));
    EXPECT_THAT(terminal.text(),
                HasSubstr("scaph_socket_power_microwatts = 7000000 {\"socket_id\":\"1\"} # "));
    EXPECT_EQ(terminal.reports(), 0U);
}

// A pipe, and what is called when its reader goes or does not read.
struct Pipe {
    Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        ::close(ends[1]);
        static_cast<void>(std::signal(SIGPIPE, before));
    }
    // As the loop does.
    void (*before)(int) = std::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> ends{};
};

// `wattvisor-guest stdout | head -1`
TEST(StdoutSink, StopsWhereNobodyReadsAnyMore) {
    const Pipe pipe;
    boost::asio::io_context io;
    const Surroundings surroundings;
    int stops = 0;
    StdoutOptions options;
    options.with_header = false;
    StdoutSink sink(io, options, pipe.ends[1], MetricPage({}, surroundings, {}),
                    [&stops] { ++stops; });
    sink.publish(std::make_shared<Snapshot>(test::host_snapshot()));
    EXPECT_EQ(stops, 0);
    ::close(pipe.ends[0]);
    const auto next = std::make_shared<Snapshot>(test::host_snapshot());
    ++next->sequence;
    sink.publish(next);
    EXPECT_EQ(stops, 1);
}

TEST(StdoutSink, StopsAndFailsWhereTheDiskIsFull) {
    const FileDescriptor out(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    boost::asio::io_context io;
    const Surroundings surroundings;
    int stops = 0;
    int failures = 0;
    const StdoutSink sink(
        io, {}, out.get(), MetricPage({}, surroundings, {}), [&stops] { ++stops; },
        [&failures] { ++failures; });
    EXPECT_EQ(stops, 1);
    EXPECT_EQ(failures, 1);
}

} // namespace
} // namespace wattvisor
