// SPDX-License-Identifier: Apache-2.0
#include "common/export/paced_exporter.hpp"

#include <type_traits>
#include <variant>

namespace wattvisor {

namespace {

// Those that have a step and a time of their own.
template <typename T>
constexpr bool kIsReport = std::is_same_v<T, StdoutOptions> || std::is_same_v<T, JsonOptions>;

} // namespace

Pace pace_of(const ExporterPlan& plan) {
    return std::visit(
        [&plan](const auto& options) {
            if constexpr (kIsReport<std::decay_t<decltype(options)>>) {
                return Pace{plan.interval.value_or(options.interval()), options.timeout};
            } else if constexpr (requires { options.step; }) { // those that send
                return Pace{plan.interval.value_or(options.step), std::nullopt};
            } else {
                return Pace{plan.interval, std::nullopt};
            }
        },
        plan.exporter);
}

std::chrono::nanoseconds tick_interval(const ExporterOptions& exporter,
                                       std::chrono::nanoseconds standard) {
    return std::visit(
        [standard](const auto& options) {
            if constexpr (kIsReport<std::decay_t<decltype(options)>>) {
                return options.interval();
            } else {
                return standard;
            }
        },
        exporter);
}

std::unique_ptr<Sink> make_paced_exporter(const ExporterPlan& plan, const ExporterWorld& world) {
    auto paced = std::make_unique<PacedSink>(pace_of(plan), plan.filter, world.stop);
    ExporterWorld inner = world;
    inner.stop = [sink = paced.get()] { sink->end(); };
    paced->give(make_exporter(plan.exporter, inner));
    return paced;
}

} // namespace wattvisor
