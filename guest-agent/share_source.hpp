// SPDX-License-Identifier: Apache-2.0
// A VM's own energy, from the share that the host agent publishes. Prefers the host's timestamped
// record (wattvisor/snapshot): power is then divided by the time that the host measured. Where
// there is none, as in a tree that Scaphandre wrote, the plain counters are read with the RAPL
// sensor, and a set of counters that did not move is no new measurement. A share that is absent is
// waited for. Reading it never blocks on what lies there and trusts no number beyond its place.
#pragma once

#include "common/energy/energy_source.hpp"
#include "common/energy/powercap.hpp"
#include "common/share/share_record.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace wattvisor::guest {

class ShareSource final : public EnergySource {
public:
    explicit ShareSource(std::filesystem::path share);

    [[nodiscard]] Result<EnergySample> read(std::chrono::nanoseconds now) override;

private:
    [[nodiscard]] Result<ShareRecord> read_record();
    [[nodiscard]] Result<EnergySample> read_plain(std::chrono::nanoseconds now);
    [[nodiscard]] EnergySample to_sample(const ShareRecord& record);
    [[nodiscard]] bool is_there() const;
    void reopen_when_still(std::uint64_t sequence);

    std::filesystem::path share_;
    std::filesystem::path snapshot_path_;
    FileDescriptor snapshot_;
    std::string buffer_;
    ZoneListPtr zones_;
    std::uint64_t last_sequence_ = 0;
    unsigned still_reads_ = 0;

    PowercapSource plain_;
    std::vector<std::optional<std::uint64_t>> plain_counters_; // the last that could be read
    std::uint64_t plain_sequence_ = 0;
};

} // namespace wattvisor::guest
