// SPDX-License-Identifier: Apache-2.0
#include "common/export/stdout_sink.hpp"

#include "common/export/raw_metrics.hpp"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace wattvisor {

namespace {

// https://no-color.org: set and not empty, whatever it says.
bool wants_colour(int fd) {
    const char* no_colour = std::getenv("NO_COLOR");
    return ::isatty(fd) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

} // namespace

StdoutSink::StdoutSink(boost::asio::io_context& io, const StdoutOptions& options, int fd,
                       MetricPage page, std::function<void()> stop, std::function<void()> failed)
    : raw_metrics_(options.raw_metrics), out_(io, fd), page_(std::move(page)),
      stop_(std::move(stop)), failed_(std::move(failed)) {
    report_.consumers = options.processes;
    report_.regex = options.regex;
    report_.qemu = options.qemu;
    report_.containers = options.containers;
    report_.colour = wants_colour(fd);
    if (options.with_header) {
        print(stdout_header(options.interval(), report_.colour));
    }
}

void StdoutSink::publish(const SnapshotPtr& snapshot) {
    page_.update(snapshot);
    if (is_news(*snapshot)) {
        shown_ = snapshot;
        print(render(*snapshot));
    }
}

std::string StdoutSink::render(const Snapshot& snapshot) const {
    if (!raw_metrics_) {
        return render_stdout_report(snapshot, report_);
    }
    std::string text = raw_metrics_title(snapshot.wall);
    RawMetrics lines(text);
    page_.write(lines);
    return text + '\n';
}

// The first reading of a counter tells nothing yet, and what was shown need not be shown again.
bool StdoutSink::is_news(const Snapshot& snapshot) const {
    if (!snapshot.source_up) {
        return !shown_ || shown_->source_up || shown_->source_problem != snapshot.source_problem;
    }
    return snapshot.measured && (!shown_ || shown_->sequence != snapshot.sequence);
}

void StdoutSink::print(const std::string& text) {
    const bool is_too_slow = !out_.write(text);
    if (is_too_slow && !was_too_slow_) {
        spdlog::warn("stdout: reports are left out: their reader is too slow");
    }
    was_too_slow_ = is_too_slow;
    if (out_.error() == EPIPE) {
        spdlog::warn("nobody reads the report any more: stopping");
        stop_();
    } else if (out_.error() != 0) {
        spdlog::error("the report cannot be written: {}",
                      std::generic_category().message(out_.error()));
        if (failed_) {
            failed_();
        }
        stop_();
    }
}

} // namespace wattvisor
