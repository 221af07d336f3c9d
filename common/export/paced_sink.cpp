// SPDX-License-Identifier: Apache-2.0
#include "common/export/paced_sink.hpp"

#include "common/export/consumer_filter.hpp"

#include <algorithm>
#include <utility>

namespace wattvisor {

using std::chrono::nanoseconds;

PacedSink::PacedSink(const Pace& pace, ConsumerFilter filter, std::function<void()> ended)
    : pace_(pace), filter_(std::move(filter)), ended_(std::move(ended)) {}

nanoseconds PacedSink::pace_at(const Snapshot& snapshot) const {
    return std::max(pace_.interval.value_or(snapshot.interval), snapshot.interval);
}

void PacedSink::publish(const SnapshotPtr& snapshot) {
    if (exporter_ == nullptr) {
        return;
    }
    // A snapshot that is handed out again has the count of when it was made.
    ticks_ = std::max(ticks_ + 1, snapshot->ticks + snapshot->ticks_skipped);
    const nanoseconds now = snapshot->interval * static_cast<std::int64_t>(ticks_ - 1);
    const nanoseconds pace = pace_at(*snapshot);
    const bool each_tick = pace == snapshot->interval;
    if (!each_tick && (added_ == nullptr || snapshot->sequence != added_->sequence ||
                       snapshot->source_up != added_->source_up)) {
        power_.add(snapshot);
        added_ = snapshot;
    }
    if (!is_over_ && now >= due_) {
        due_ += pace * ((now - due_) / pace + 1);
        hand_over(snapshot);
    }
    if (is_over_ || (pace_.timeout && due_ > *pace_.timeout)) {
        close();
    }
}

void PacedSink::hand_over(const SnapshotPtr& snapshot) {
    const bool each_tick = pace_at(*snapshot) == snapshot->interval;
    const bool is_news =
        shown_ == nullptr || shown_->sequence != snapshot->sequence || !snapshot->source_up;
    if (each_tick || !snapshot->source_up) {
        shown_ = filtered(snapshot, filter_);
    } else if (is_news) {
        shown_ = filtered(power_.take(), filter_);
    }
    exporter_->publish(shown_);
}

void PacedSink::close() {
    exporter_.reset();
    ended_();
}

} // namespace wattvisor
