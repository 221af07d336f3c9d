// SPDX-License-Identifier: Apache-2.0
// The ledger as text: JSON that a person can read. Consumers that ended are many and change seldom,
// so they may stand in a text of their own which the first one names; a tick then costs nothing for
// them. Pure. Format: docs/reference/ledger-file.md.
#pragma once

#include "common/accounting/ledger.hpp"
#include "common/accounting/snapshot.hpp"
#include "common/base/error.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

// What the text holds; also what `wattvisor-host vms` shows of a running agent.
struct LedgerRecord {
    LedgerId id;         // none in a file of format 1
    std::string boot_id; // of the machine's run; counters begin anew with each
    std::string epoch;
    std::uint64_t sequence = 0;
    std::int64_t written_unix_ms = 0;
    std::uint64_t interval_ns = 0;
    bool ended_in_order = false;   // the last thing that its agent wrote before it ended
    std::vector<ZoneTotals> zones; // ended consumers' totals are in the accounts
    std::string ended_accounts_in; // the file of the other accounts; empty where all are here
    struct Row {
        Account account;
        std::optional<std::uint64_t> power_uw;
    };
    std::vector<Row> rows;
};

struct LedgerTextOptions {
    std::string boot_id;
    bool ended_in_order = false;
    std::string
        ended_accounts_in; // empty: all accounts are written; else only those that are listed
};

[[nodiscard]] std::string encode_ledger(const Ledger& ledger, const Snapshot& snapshot,
                                        const LedgerTextOptions& options);

// The accounts that are not listed.
[[nodiscard]] std::string encode_ended_accounts(const Ledger& ledger);

// Checks all of it: numbers, and that nothing is there twice.
[[nodiscard]] Result<LedgerRecord> decode_ledger(std::string_view text, const std::string& where);

// Adds the accounts of a text of encode_ended_accounts().
[[nodiscard]] Result<bool> decode_ended_accounts(std::string_view text, const std::string& where,
                                                 LedgerRecord& record);

// Whether per zone all parts add up to the total: what does not is an error, not a guess.
[[nodiscard]] Result<bool> check_ledger(const LedgerRecord& record, const std::string& where);

} // namespace wattvisor
