// SPDX-License-Identifier: Apache-2.0
// The exporter prometheus-push: the page of the Prometheus exporter, sent to a Pushgateway into a
// group of its own, job and instance. It replaces the group (PUT), so that what is not known any
// more is gone there too; see docs/adr/0016-push-exporters.md.
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/export/exporter.hpp"
#include "common/export/prometheus_text.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

[[nodiscard]] std::unique_ptr<Sink> make_prometheus_push(const PrometheusPushOptions& options,
                                                         const ExporterWorld& world);

// "/metrics/job/scaphandre/instance/web1". What is not plain in a path is written in base64, as
// https://github.com/prometheus/pushgateway#url has it.
[[nodiscard]] std::string pushgateway_path(std::string_view suffix, std::string_view job,
                                           std::string_view instance);

// Adds the labels instance and hostname to each sample that lacks them.
class InstanceText final : public MetricSink {
public:
    // Appends to `out`; both outlive this object.
    InstanceText(std::string& out, std::string_view hostname) : text_(out), hostname_(hostname) {}
    void family(std::string_view name, std::string_view help, MetricType type) override;
    void sample(std::span<const Label> labels, const MetricValue& value) override;

    [[nodiscard]] std::size_t values() const { return values_; }

private:
    PrometheusText text_;
    std::string_view hostname_;
    std::vector<Label> labels_;
    std::size_t values_ = 0;
};

} // namespace wattvisor
