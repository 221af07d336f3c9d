// SPDX-License-Identifier: Apache-2.0
// An exporter at its own pace: it gets a snapshot each interval instead of at each tick, with the
// power of that interval and the consumers that its filter chooses, for as long as it was asked
// for. Its time is counted in ticks of the agent, of which those that were skipped are part. Asio
// thread only.
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/export/interval_power.hpp"
#include "common/export/sink.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace wattvisor {

struct Pace {
    std::optional<std::chrono::nanoseconds> interval; // absent, or not longer than a tick: each one
    std::optional<std::chrono::nanoseconds> timeout;  // absent: forever
};

class PacedSink final : public Sink {
public:
    // `ended` is called once, when the time is over or end() was called; the exporter is closed.
    PacedSink(const Pace& pace, ConsumerFilter filter, std::function<void()> ended);

    // Before the first tick.
    void give(std::unique_ptr<Sink> exporter) { exporter_ = std::move(exporter); }
    // The exporter wants no more; it is closed at the next tick, or as soon as this one is done.
    void end() { is_over_ = true; }

    void publish(const SnapshotPtr& snapshot) override;

private:
    void hand_over(const SnapshotPtr& snapshot);
    [[nodiscard]] std::chrono::nanoseconds pace_at(const Snapshot& snapshot) const;
    void close();

    Pace pace_;
    ConsumerFilter filter_;
    std::function<void()> ended_;
    std::unique_ptr<Sink> exporter_; // null once it is closed
    bool is_over_ = false;
    std::uint64_t ticks_ = 0;         // of the schedule, skipped ones included; the first is at 0
    std::chrono::nanoseconds due_{0}; // since the first tick
    SnapshotPtr added_;               // what the interval has seen last
    SnapshotPtr shown_;               // what the exporter has seen last
    IntervalPower power_;
};

} // namespace wattvisor
