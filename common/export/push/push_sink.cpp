// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/push_sink.hpp"

#include <utility>

namespace wattvisor {

using std::chrono::system_clock;

namespace {

// Power is known from the second tick on: the first thing that is sent shall have it.
constexpr std::uint64_t kFirstTick = 2;

} // namespace

PushSink::PushSink(MetricPage page, Renderer render, std::unique_ptr<PushWorker> worker)
    : page_(std::move(page)), render_(std::move(render)), worker_(std::move(worker)) {}

void PushSink::publish(const SnapshotPtr& snapshot) {
    page_.update(snapshot);
    if (snapshot->ticks >= kFirstTick) {
        worker_->push(render_(page_, time_of_values(*snapshot, system_clock::now())));
    }
}

system_clock::time_point time_of_values(const Snapshot& snapshot, system_clock::time_point now) {
    const bool is_known = snapshot.wall > system_clock::time_point();
    return snapshot.source_up && is_known ? snapshot.wall : now;
}

} // namespace wattvisor
