// SPDX-License-Identifier: Apache-2.0
// An exporter that sends: it renders every metric of each snapshot that it is given, one per step
// (see paced_exporter.hpp), and hands the messages to its worker. The protocols differ in how they
// render and in their transport only. Asio thread.
#pragma once

#include "common/export/metric_page.hpp"
#include "common/export/push/push_worker.hpp"
#include "common/export/sink.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace wattvisor {

class PushSink final : public Sink {
public:
    // `time` is the wall clock's time that the values are of.
    using Renderer = std::function<std::vector<PushMessage>(
        const MetricPage& page, std::chrono::system_clock::time_point time)>;

    PushSink(MetricPage page, Renderer render, std::unique_ptr<PushWorker> worker);

    void publish(const SnapshotPtr& snapshot) override;

private:
    MetricPage page_;
    Renderer render_;
    std::unique_ptr<PushWorker> worker_;
};

// When the values of a snapshot were measured; while no energy arrives, `now`: that it does not is
// news of this moment.
[[nodiscard]] std::chrono::system_clock::time_point
time_of_values(const Snapshot& snapshot, std::chrono::system_clock::time_point now);

} // namespace wattvisor
