// SPDX-License-Identifier: Apache-2.0
// Metrics as Riemann's events, many to a message, each message with its length in front as it goes
// over TCP. Integers are metric_sint64, all else metric_d, so that a service has one type for ever.
// Pure. docs/adr/0016-push-exporters.md says how services are called.
#pragma once

#include "common/export/metric_sink.hpp"
#include "common/export/push/push_queue.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

struct RiemannBatch;

class RiemannEvents final : public MetricSink {
public:
    // `host` outlives this object.
    RiemannEvents(std::chrono::system_clock::time_point time, std::string_view host);
    ~RiemannEvents() override;
    void family(std::string_view name, std::string_view help, MetricType type) override;
    void sample(std::span<const Label> labels, const MetricValue& value) override;

    [[nodiscard]] std::vector<PushMessage> take();

private:
    void add_event(const std::string& service, std::span<const Label> labels,
                   const MetricValue& value);
    void end_message();

    std::chrono::system_clock::time_point time_;
    std::string host_;
    std::string name_;
    std::string help_;
    std::unique_ptr<RiemannBatch> batch_; // keeps generated headers out of this one
    std::vector<PushMessage> messages_;
};

// What a server answers to a message; the error is its text. Absent: no such message.
struct RiemannAnswer {
    bool ok = false;
    std::string error;
};
[[nodiscard]] RiemannAnswer read_riemann_answer(std::string_view message);

// The services that a sample is sent as, one or two. The first is of this series alone. The second
// is what Scaphandre's users look for: the process' power as its documents name it, or the plain
// name of a metric that Scaphandre has, whatever socket or disk it is of.
[[nodiscard]] std::vector<std::string> riemann_services(std::string_view metric,
                                                        std::span<const Label> labels);

} // namespace wattvisor
