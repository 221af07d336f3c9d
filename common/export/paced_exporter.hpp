// SPDX-License-Identifier: Apache-2.0
// The exporter of a plan: what make_exporter() makes, at the plan's pace and behind its filter.
#pragma once

#include "common/export/exporter.hpp"
#include "common/export/paced_sink.hpp"

#include <memory>

namespace wattvisor {

[[nodiscard]] Pace pace_of(const ExporterPlan& plan);

// How often an agent measures that has this exporter alone: those that print a report per
// measurement say so themselves, all others take `standard`.
[[nodiscard]] std::chrono::nanoseconds tick_interval(const ExporterOptions& exporter,
                                                     std::chrono::nanoseconds standard);

// `world.stop` is called once, when the exporter's time is over or nobody reads it any more. Throws
// StartError.
[[nodiscard]] std::unique_ptr<Sink> make_paced_exporter(const ExporterPlan& plan,
                                                        const ExporterWorld& world);

} // namespace wattvisor
