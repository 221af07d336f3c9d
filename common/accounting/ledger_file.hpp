// SPDX-License-Identifier: Apache-2.0
// The ledger as a file, so that totals survive the agent: JSON that a person can read, written
// whole to a temporary name and then renamed, before anything of the tick is published. So what a
// guest has seen is never more than what the file says, and a counter cannot go back after a kill.
// Format: docs/reference/ledger-file.md.
#pragma once

#include "common/accounting/ledger.hpp"
#include "common/accounting/snapshot.hpp"
#include "common/base/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

// What the file holds; also what `wattvisor-host vms` shows of a running agent.
struct LedgerRecord {
    std::string epoch;
    std::uint64_t sequence = 0;
    std::int64_t written_unix_ms = 0;
    std::uint64_t interval_ns = 0;
    std::vector<ZoneTotals> zones; // ended consumers' totals are in the accounts
    struct Row {
        Account account;
        std::optional<std::uint64_t> power_uw;
    };
    std::vector<Row> rows;
};

[[nodiscard]] std::string encode_ledger(const Ledger& ledger, const Snapshot& snapshot);

// Checks all of it, sums included: a record that does not add up is an error, not a guess.
[[nodiscard]] Result<LedgerRecord> decode_ledger(std::string_view text, const std::string& where);

// Severity gone where there is no file.
[[nodiscard]] Result<LedgerRecord> read_ledger_file(const std::filesystem::path& path);

// Atomic: a reader sees the old file or the new one.
[[nodiscard]] Result<bool> write_ledger_file(const std::filesystem::path& path,
                                             std::string_view text);

// The ledger as it was when the record was written.
void restore_ledger(Ledger& ledger, LedgerRecord record);

} // namespace wattvisor
