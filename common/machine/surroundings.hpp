// SPDX-License-Identifier: Apache-2.0
// What is read once per tick beside the measurement, for all exporters together: what the agent
// itself costs. So a scrape reads no file. The loop reads it before it calls the sinks; the same
// thread, so exporters may look at it whenever they like.
#pragma once

#include "common/machine/host_stats.hpp"
#include "common/machine/self_stats.hpp"

#include <chrono>

namespace wattvisor {

class Surroundings {
public:
    // `now` is the monotonic clock.
    void read(std::chrono::nanoseconds now) { self_ = self_reader_.read(now); }

    [[nodiscard]] const SelfStats& self() const { return self_; }
    [[nodiscard]] const HostStats& host() const { return host_; }

private:
    SelfStatsReader self_reader_;
    SelfStats self_;
    HostStats host_;
};

} // namespace wattvisor
