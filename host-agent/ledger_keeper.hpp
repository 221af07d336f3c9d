// SPDX-License-Identifier: Apache-2.0
// Writes the ledger down after every measurement, before anything of it is published, into memory
// (/run); and every so often onto the disk, so that totals survive the host. First among the sinks
// of an agent that publishes. A file that cannot be written is logged when that changes and stops
// nobody; the disk is waited for on a thread of its own.
#pragma once

#include "common/accounting/ledger_file.hpp"
#include "common/accounting/meter.hpp"
#include "common/export/sink.hpp"

#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace wattvisor::host {

struct LedgerSettings {
    std::filesystem::path file = "/run/wattvisor/ledger.json";
    std::filesystem::path saved_file = "/var/lib/wattvisor/ledger.json";
    std::chrono::nanoseconds save_interval = std::chrono::minutes(1);
    std::chrono::nanoseconds keep_ended = std::chrono::hours(24);
    // Whether a VM's energy goes with it, in its domain's metadata: the agent then changes domains.
    bool carry = false;

    friend bool operator==(const LedgerSettings&, const LedgerSettings&) = default;
};

class LedgerKeeper final : public Sink {
public:
    LedgerKeeper(const Meter& meter, LedgerSettings settings, std::string boot_id);
    LedgerKeeper(const LedgerKeeper&) = delete;
    LedgerKeeper& operator=(const LedgerKeeper&) = delete;
    // Waits for the disk.
    ~LedgerKeeper() override;

    void publish(const SnapshotPtr& snapshot) override;

    // The agent ends in order: all that was charged is on the disk when this returns.
    void close();

private:
    // Logs a problem when it is another than before.
    struct Complaint {
        std::string problem;
        void note(const Result<bool>& written, const std::filesystem::path& file);
    };
    [[nodiscard]] Result<bool> write_current(const Snapshot& snapshot);
    [[nodiscard]] Result<bool> write_ended();
    [[nodiscard]] std::filesystem::path ended_file() const;
    void save(const Snapshot& snapshot);

    const Meter& meter_;
    LedgerSettings settings_;
    std::string boot_id_;
    SnapshotPtr last_;
    std::optional<std::uint64_t> ended_version_; // what the ended accounts' file holds
    bool is_second_file_ = false;                // of the two that it takes in turn
    std::optional<std::chrono::nanoseconds> saved_at_;
    Complaint current_complaint_;
    Complaint saved_complaint_; // of the thread of its own
    std::atomic<bool> is_saving_ = false;
    boost::asio::thread_pool disk_{1};
};

// The ledger to begin with: of the two files the one that knows more, or an empty one. A file that
// is no ledger is moved aside, not overwritten, and said so; one that cannot be read is a
// StartError, since totals must not begin anew for that. `boot_id` is that of the machine's run.
[[nodiscard]] Ledger load_ledger(const LedgerSettings& settings, const std::string& boot_id,
                                 std::chrono::system_clock::time_point now);

// /proc/sys/kernel/random/boot_id; empty where it cannot be read.
[[nodiscard]] std::string read_boot_id(const std::filesystem::path& proc_root);

} // namespace wattvisor::host
