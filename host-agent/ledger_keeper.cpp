// SPDX-License-Identifier: Apache-2.0
#include "host-agent/ledger_keeper.hpp"

#include "common/base/text_file.hpp"

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <utility>

namespace wattvisor::host {

namespace fs = std::filesystem;

namespace {

// Totals never go back, so of two copies of one ledger the larger is the later one; clocks may have
// been set.
std::uint64_t sum_of_totals(const LedgerRecord& record) {
    std::uint64_t sum = 0;
    for (const ZoneTotals& totals : record.zones) {
        sum += totals.total_uj;
    }
    return sum;
}

bool knows_more(const LedgerRecord& a, const LedgerRecord& b) {
    if (a.id != b.id) {
        return a.written_unix_ms > b.written_unix_ms;
    }
    return sum_of_totals(a) > sum_of_totals(b);
}

void move_aside(const fs::path& file, const Error& error) {
    const fs::path aside = file.string() + ".broken";
    std::error_code problem;
    fs::rename(file, aside, problem);
    if (problem) {
        throw StartError(error.message() + ". It cannot be moved to " + aside.string() + ": " +
                         problem.message());
    }
    spdlog::error("{}: it is kept as {}", error.message(), aside.string());
}

// The record in the file, or none.
std::optional<LedgerRecord> read_or_move_aside(const fs::path& file, bool& any_broken) {
    auto record = read_ledger_file(file);
    if (record) {
        return std::move(*record);
    }
    if (record.error().severity == Severity::transient) {
        throw StartError(record.error().message());
    }
    if (record.error().severity == Severity::fatal) {
        move_aside(file, record.error());
        any_broken = true;
    }
    return std::nullopt;
}

void tell_what_is_missing(const LedgerRecord& record, std::chrono::nanoseconds save_interval,
                          std::chrono::system_clock::time_point now) {
    using std::chrono::seconds;
    const auto written =
        std::chrono::system_clock::time_point(std::chrono::milliseconds(record.written_unix_ms));
    const auto age = std::chrono::duration_cast<seconds>(now - written);
    if (record.ended_in_order) {
        spdlog::info("the host was started anew; totals go on from {} s ago", age.count());
        return;
    }
    spdlog::warn("the host went down before the agent ended: totals go on from {} s ago, without "
                 "what was charged in up to {} s before it went down",
                 age.count(), std::chrono::duration_cast<seconds>(save_interval).count());
}

} // namespace

LedgerKeeper::LedgerKeeper(const Meter& meter, LedgerSettings settings, std::string boot_id)
    : meter_(meter), settings_(std::move(settings)), boot_id_(std::move(boot_id)) {}

LedgerKeeper::~LedgerKeeper() {
    disk_.join();
}

void LedgerKeeper::Complaint::note(const Result<bool>& written, const fs::path& file) {
    std::string now = written ? std::string() : written.error().message();
    if (now == problem) {
        return;
    }
    problem = std::move(now);
    if (problem.empty()) {
        spdlog::info("the ledger is written to {} again", file.string());
    } else {
        spdlog::error("{}", problem);
    }
}

void LedgerKeeper::publish(const SnapshotPtr& snapshot) {
    if (last_ && snapshot->sequence == last_->sequence) {
        return;
    }
    last_ = snapshot;
    current_complaint_.note(write_current(*snapshot), settings_.file);
    if (!saved_at_) {
        saved_at_ = snapshot->time; // what was loaded is on the disk already
    }
    if (snapshot->time - *saved_at_ >= settings_.save_interval && !is_saving_) {
        saved_at_ = snapshot->time;
        save(*snapshot);
    }
}

fs::path LedgerKeeper::ended_file() const {
    return settings_.file.string() + (is_second_file_ ? ".ended-b" : ".ended-a");
}

// Into the one of two files that the ledger of now does not name, so that at any moment the ledger
// and the file that it names belong together.
Result<bool> LedgerKeeper::write_ended() {
    const std::uint64_t version = meter_.ledger().resting_version();
    if (ended_version_ == version) {
        return true;
    }
    is_second_file_ = !is_second_file_;
    auto written = write_ledger_file(ended_file(), encode_ended_accounts(meter_.ledger()));
    if (written) {
        ended_version_ = version;
    } else {
        is_second_file_ = !is_second_file_;
    }
    return written;
}

Result<bool> LedgerKeeper::write_current(const Snapshot& snapshot) {
    if (auto written = write_ended(); !written) {
        return written;
    }
    return write_ledger_file(settings_.file,
                             encode_ledger(meter_.ledger(), snapshot,
                                           {boot_id_, false, ended_file().filename().string()}));
}

void LedgerKeeper::save(const Snapshot& snapshot) {
    is_saving_ = true;
    boost::asio::post(disk_, [this, text = encode_ledger(meter_.ledger(), snapshot,
                                                         {boot_id_, false, {}})] {
        saved_complaint_.note(write_ledger_file(settings_.saved_file, text, Durability::power_loss),
                              settings_.saved_file);
        is_saving_ = false;
    });
}

void LedgerKeeper::close() {
    disk_.join();
    if (!last_) {
        return;
    }
    saved_complaint_.note(
        write_ledger_file(settings_.saved_file,
                          encode_ledger(meter_.ledger(), *last_, {boot_id_, true, {}}),
                          Durability::power_loss),
        settings_.saved_file);
}

Ledger load_ledger(const LedgerSettings& settings, const std::string& boot_id,
                   std::chrono::system_clock::time_point now) {
    Ledger ledger(Residual::idle);
    bool any_broken = false;
    auto record = read_or_move_aside(settings.file, any_broken);
    auto saved = read_or_move_aside(settings.saved_file, any_broken);
    if (saved && (!record || knows_more(*saved, *record))) {
        record = std::move(saved);
    }
    if (!record) {
        if (any_broken) {
            spdlog::error("beginning with new totals");
        }
        return ledger;
    }
    spdlog::info("going on with the totals of {} VMs", record->rows.size());
    if (record->boot_id != boot_id) {
        tell_what_is_missing(*record, settings.save_interval, now);
        for (ZoneTotals& totals : record->zones) {
            totals.counter_uj.reset(); // counters begin anew with the machine
        }
    }
    restore_ledger(ledger, std::move(*record), now);
    return ledger;
}

std::string read_boot_id(const fs::path& proc_root) {
    const auto text = read_text(proc_root / "sys/kernel/random/boot_id", 128);
    return text ? std::string(trim(*text)) : std::string();
}

} // namespace wattvisor::host
