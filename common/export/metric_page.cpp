// SPDX-License-Identifier: Apache-2.0
#include "common/export/metric_page.hpp"

#include <utility>

namespace wattvisor {

using std::chrono::steady_clock;

MetricPage::MetricPage(const MetricOptions& options, const Surroundings& surroundings,
                       ExtraMetrics extra)
    : options_(options), surroundings_(surroundings), extra_(std::move(extra)) {}

void MetricPage::update(const SnapshotPtr& snapshot) {
    if (!newest_ || newest_->sequence != snapshot->sequence) {
        measured_at_ = steady_clock::now();
    }
    newest_ = snapshot;
}

void MetricPage::write(MetricSink& sink) const {
    if (!newest_) {
        return;
    }
    MetricOptions options = options_;
    options.snapshot_age = steady_clock::now() - measured_at_;
    write_metrics(*newest_, options, surroundings_.self(), sink, surroundings_.host());
    if (extra_) {
        extra_(sink);
    }
}

} // namespace wattvisor
