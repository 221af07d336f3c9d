// SPDX-License-Identifier: Apache-2.0
// What is read once per tick beside the measurement, for all exporters together: what the agent
// itself costs, and what is known of the machine. So a scrape reads no file. The loop reads it
// before it calls the sinks, where an exporter tells of it; the same thread, so exporters may look
// at it whenever they like.
#pragma once

#include "common/machine/host_stats.hpp"
#include "common/machine/self_stats.hpp"

#include <chrono>
#include <filesystem>
#include <optional>

namespace wattvisor {

class Surroundings {
public:
    // From now on the machine is read too: there is an exporter that tells of it. The roots are
    // those of the machine that is measured.
    void read_host_from(const std::filesystem::path& proc_root,
                        const std::filesystem::path& sys_root);

    // `now` is the monotonic clock.
    void read(std::chrono::nanoseconds now);

    [[nodiscard]] const SelfStats& self() const { return self_; }
    // Empty before the first reading.
    [[nodiscard]] const HostStats& host() const {
        return host_reader_ ? host_reader_->last() : nothing_;
    }

private:
    SelfStatsReader self_reader_;
    std::optional<HostStatsReader> host_reader_; // none before read_host_from()
    SelfStats self_;
    HostStats nothing_;
};

} // namespace wattvisor
