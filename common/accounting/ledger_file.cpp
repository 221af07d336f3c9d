// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/ledger_file.hpp"

#include "common/base/text_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace wattvisor {

namespace {

// 100,000 VMs of four zones are 40 MB.
constexpr std::size_t kMaxLedgerFile = 64UL << 20U;
// The agent replaces both files while somebody reads them one after the other.
constexpr int kReadAttempts = 5;

Error write_failure(const std::filesystem::path& path) {
    return system_error(errno, path.string(),
                        "Totals will not survive a restart of the agent until this is mended");
}

Result<bool> write_all(int fd, std::string_view text, const std::filesystem::path& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return write_failure(path);
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

// A rename is on the disk once the folder is.
Result<bool> sync_folder(const std::filesystem::path& path) {
    const std::filesystem::path folder = path.parent_path();
    const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) {
        return write_failure(folder);
    }
    return true;
}

// The ended accounts' file lies beside the ledger; its name is a name and no path.
Result<bool> read_ended_accounts(const std::filesystem::path& path, LedgerRecord& record) {
    if (record.ended_accounts_in.empty()) {
        return true;
    }
    if (record.ended_accounts_in.find('/') != std::string::npos) {
        return Error{Severity::fatal, "names a path for its ended accounts", path.string(), {}};
    }
    const std::filesystem::path other = path.parent_path() / record.ended_accounts_in;
    const auto text = read_text(other, kMaxLedgerFile);
    if (!text) {
        return text.error();
    }
    return decode_ended_accounts(*text, other.string(), record);
}

} // namespace

Result<LedgerRecord> read_ledger_file(const std::filesystem::path& path) {
    Error last;
    for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
        const auto text = read_text(path, kMaxLedgerFile);
        if (!text) {
            return text.error();
        }
        auto record = decode_ledger(*text, path.string());
        if (!record) {
            return record;
        }
        const auto whole = read_ended_accounts(path, *record);
        if (whole) {
            const auto sums = check_ledger(*record, path.string());
            return sums ? std::move(record) : Result<LedgerRecord>(sums.error());
        }
        last = whole.error();
        if (last.severity != Severity::gone) {
            return last;
        }
    }
    // The ledger is there and a part of it is not: that is not the same as no ledger.
    last.severity = Severity::fatal;
    return last;
}

Result<bool> write_ledger_file(const std::filesystem::path& path, std::string_view text,
                               Durability durability) {
    const std::filesystem::path fresh = path.string() + ".new";
    const FileDescriptor fd(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!fd) {
        return write_failure(fresh);
    }
    if (auto written = write_all(fd.get(), text, fresh); !written) {
        return written;
    }
    if (durability == Durability::power_loss && ::fsync(fd.get()) != 0) {
        return write_failure(fresh);
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0) {
        return write_failure(path);
    }
    return durability == Durability::power_loss ? sync_folder(path) : true;
}

void restore_ledger(Ledger& ledger, LedgerRecord record,
                    std::chrono::system_clock::time_point now) {
    std::vector<Account> accounts;
    accounts.reserve(record.rows.size());
    const auto written =
        std::chrono::system_clock::time_point(std::chrono::milliseconds(record.written_unix_ms));
    for (auto& row : record.rows) {
        if (row.account.listed) {
            // It may run still: how long nobody measured it says nothing about when it ended.
            row.account.ended = std::max(written, now);
        }
        accounts.push_back(std::move(row.account));
    }
    if (record.id != LedgerId()) {
        ledger.restore_id(record.id);
    }
    ledger.restore(std::move(record.zones), std::move(accounts));
}

} // namespace wattvisor
