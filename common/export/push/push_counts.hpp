// SPDX-License-Identifier: Apache-2.0
// What became of the values that exporters sent to servers, for the agent's own metrics. The agent
// owns it, hands it to its exporters, and writes it on every page. Asio thread.
#pragma once

#include "common/export/metric_sink.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace wattvisor {

struct PushCounts {
    std::uint64_t sent = 0;     // values that a server took
    std::uint64_t dropped = 0;  // values that no server will ever get
    std::uint64_t failures = 0; // attempts that failed
};

class PushStatistics {
public:
    // Two exporters of one kind share their counts. The reference stays valid.
    [[nodiscard]] PushCounts& of(const std::string& exporter) { return counts_[exporter]; }

    // Writes nothing where no exporter pushes.
    void write(MetricSink& sink) const;

private:
    std::map<std::string, PushCounts> counts_;
};

} // namespace wattvisor
