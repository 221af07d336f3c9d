// SPDX-License-Identifier: Apache-2.0
#include "host-agent/ledger_keeper.hpp"

#include "common/accounting/ledger_file.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace wattvisor::host {

LedgerKeeper::LedgerKeeper(const Meter& meter, std::filesystem::path file)
    : meter_(meter), file_(std::move(file)) {}

void LedgerKeeper::publish(const SnapshotPtr& snapshot) {
    if (snapshot->sequence == written_sequence_) {
        return;
    }
    written_sequence_ = snapshot->sequence;
    const auto written = write_ledger_file(file_, encode_ledger(meter_.ledger(), *snapshot));
    const std::string problem = written ? std::string() : written.error().message();
    if (problem != problem_) {
        problem_ = problem;
        if (problem.empty()) {
            spdlog::info("the ledger is written to {} again", file_.string());
        } else {
            spdlog::error("{}", problem);
        }
    }
}

Ledger load_ledger(const std::filesystem::path& file) {
    Ledger ledger(Residual::idle);
    auto record = read_ledger_file(file);
    if (record) {
        spdlog::info("going on with the totals of {} ({} VMs)", file.string(), record->rows.size());
        restore_ledger(ledger, std::move(*record));
        return ledger;
    }
    if (record.error().severity == Severity::gone) {
        return ledger;
    }
    if (record.error().severity == Severity::transient) {
        // It may be sound: totals must not begin anew because it could not be opened.
        throw StartError(record.error().message());
    }
    const std::filesystem::path aside = file.string() + ".broken";
    std::error_code error;
    std::filesystem::rename(file, aside, error);
    if (error) {
        throw StartError(record.error().message() + ". It cannot be moved to " + aside.string() +
                         ": " + error.message());
    }
    spdlog::error("{}: beginning with new totals; the old file is kept as {}",
                  record.error().message(), aside.string());
    return ledger;
}

} // namespace wattvisor::host
