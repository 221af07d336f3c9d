// SPDX-License-Identifier: Apache-2.0
// What exporters tell as plain data and as pages, for tests that look at single values.
#pragma once

#include "common/export/metrics.hpp"
#include "common/export/prometheus_text.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wattvisor::test {

struct MetricSample {
    std::vector<std::pair<std::string, std::string>> labels;
    MetricValue value;
};

struct Family {
    std::string name;
    std::string help;
    MetricType type = MetricType::gauge;
    std::vector<MetricSample> samples;
};

class FamilyCollector final : public MetricSink {
public:
    using MetricSink::family;
    void family(std::string_view name, std::string_view help, MetricType type) override {
        families_.push_back(Family{std::string(name), std::string(help), type, {}});
    }
    void sample(std::span<const Label> labels, const MetricValue& value) override {
        MetricSample& sample = families_.back().samples.emplace_back();
        for (const Label& label : labels) {
            sample.labels.emplace_back(label.name, label.value);
        }
        sample.value = value;
    }
    // What was written since the last call; families without samples are left out.
    [[nodiscard]] std::vector<Family> take() {
        std::erase_if(families_, [](const Family& family) { return family.samples.empty(); });
        return std::exchange(families_, {});
    }

private:
    std::vector<Family> families_;
};

inline void write_family(const Family& family, MetricSink& sink) {
    sink.family(family.name, family.help, family.type);
    std::vector<Label> labels;
    for (const MetricSample& sample : family.samples) {
        labels.clear();
        for (const auto& [name, value] : sample.labels) {
            labels.push_back(Label{name, value});
        }
        sink.sample(labels, sample.value);
    }
}

[[nodiscard]] inline std::vector<Family> build_families(const Snapshot& snapshot,
                                                        const MetricOptions& options,
                                                        const SelfStats& self,
                                                        const HostStats& host = {}) {
    FamilyCollector collector;
    write_metrics(snapshot, options, self, collector, host);
    return collector.take();
}

[[nodiscard]] inline std::string render_prometheus(std::span<const Family> families) {
    std::string out;
    PrometheusText sink(out);
    for (const Family& family : families) {
        write_family(family, sink);
    }
    return out;
}

[[nodiscard]] inline std::string
render_prometheus(const Snapshot& snapshot, const MetricOptions& options, const SelfStats& self) {
    std::string out;
    PrometheusText sink(out);
    write_metrics(snapshot, options, self, sink);
    return out;
}

} // namespace wattvisor::test
