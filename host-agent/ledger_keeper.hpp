// SPDX-License-Identifier: Apache-2.0
// Writes the ledger down after every measurement, before anything of it is published. First among
// the sinks of an agent that publishes. A file that cannot be written is logged when that changes
// and stops nobody.
#pragma once

#include "common/accounting/meter.hpp"
#include "common/export/sink.hpp"

#include <filesystem>
#include <string>

namespace wattvisor::host {

class LedgerKeeper final : public Sink {
public:
    LedgerKeeper(const Meter& meter, std::filesystem::path file);

    void publish(const SnapshotPtr& snapshot) override;

private:
    const Meter& meter_;
    std::filesystem::path file_;
    std::uint64_t written_sequence_ = 0;
    std::string problem_;
};

// The ledger to begin with: the one in the file, or an empty one. A file that is no ledger is moved
// aside, not overwritten, and said so; one that cannot be read is a StartError.
[[nodiscard]] Ledger load_ledger(const std::filesystem::path& file);

} // namespace wattvisor::host
