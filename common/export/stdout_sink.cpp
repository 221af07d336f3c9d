// SPDX-License-Identifier: Apache-2.0
#include "common/export/stdout_sink.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace wattvisor {

StdoutSink::StdoutSink(const StdoutOptions& options, std::FILE* out, std::function<void()> stop)
    : options_(options), out_(out), stop_(std::move(stop)) {
    report_.consumers = options.processes;
    report_.qemu = options.qemu;
    report_.colour = ::isatty(::fileno(out)) == 1;
    if (options.with_header) {
        print(stdout_header(options.interval(), report_.colour));
    }
}

void StdoutSink::publish(const SnapshotPtr& snapshot) {
    // A snapshot that is handed out again has the count of when it was made.
    ticks_ = std::max(ticks_ + 1, snapshot->ticks + snapshot->ticks_skipped);
    if (is_news(*snapshot)) {
        shown_ = snapshot;
        print(render_stdout_report(*snapshot, report_));
    }
    if (is_over()) {
        stop_();
    }
}

// The first reading of a counter tells nothing yet, and what was shown need not be shown again.
bool StdoutSink::is_news(const Snapshot& snapshot) const {
    if (!snapshot.source_up) {
        return !shown_ || shown_->source_up || shown_->source_problem != snapshot.source_problem;
    }
    return snapshot.measured && (!shown_ || shown_->sequence != snapshot.sequence);
}

// Whether the next tick would be later than the time that was asked for. The first tick is at 0.
bool StdoutSink::is_over() const {
    return options_.timeout &&
           options_.interval() * static_cast<std::int64_t>(ticks_) > *options_.timeout;
}

void StdoutSink::print(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), out_) != text.size() || std::fflush(out_) != 0) {
        spdlog::warn("nobody reads the report any more: stopping");
        stop_();
    }
}

} // namespace wattvisor
