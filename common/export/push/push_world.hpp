// SPDX-License-Identifier: Apache-2.0
// What all exporters that push are made of. Private to common/export/push.
#pragma once

#include "common/export/exporter.hpp"
#include "common/export/metric_page.hpp"
#include "common/export/push/push_worker.hpp"

#include <memory>
#include <utility>

namespace wattvisor {

inline MetricPage push_page(bool qemu, bool containers, const ExporterWorld& world) {
    MetricOptions options;
    options.qemu = qemu;
    options.containers = containers;
    return MetricPage(options, world.surroundings, world.extra);
}

inline std::unique_ptr<PushWorker> push_worker(PushSettings settings,
                                               std::unique_ptr<PushTransport> transport,
                                               const ExporterWorld& world) {
    PushCounts& counts = world.push.of(settings.exporter);
    return std::make_unique<PushWorker>(world.io, std::move(settings), std::move(transport),
                                        counts);
}

} // namespace wattvisor
