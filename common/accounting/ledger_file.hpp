// SPDX-License-Identifier: Apache-2.0
// The ledger as a file, so that totals survive the agent and the host: written whole to a temporary
// name and then renamed, before anything of the tick is published. So what a guest has seen is
// never more than what the file says, and a counter cannot go back after a kill.
#pragma once

#include "common/accounting/ledger_text.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace wattvisor {

// With the ended accounts' file, if it names one. Severity gone where there is no file.
[[nodiscard]] Result<LedgerRecord> read_ledger_file(const std::filesystem::path& path);

enum class Durability {
    none,       // survives the process: enough for a file in memory
    power_loss, // on the disk when this returns; may take as long as the disk is busy
};

// Atomic: a reader sees the old file or the new one.
[[nodiscard]] Result<bool> write_ledger_file(const std::filesystem::path& path,
                                             std::string_view text,
                                             Durability durability = Durability::none);

// The ledger as it was when the record was written. `now` is the wall clock.
void restore_ledger(Ledger& ledger, LedgerRecord record, std::chrono::system_clock::time_point now);

} // namespace wattvisor
