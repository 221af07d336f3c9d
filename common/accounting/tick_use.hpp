// SPDX-License-Identifier: Apache-2.0
// What ran in one tick, made ready for splitting: CPU time per consumer for each socket and for the
// whole machine, and what was busy beyond it. Busy time can be read a little short of what the
// consumers' own clocks say; the lag is remembered here and taken from what shows up later. Of a
// thread that went to another socket a source may not know what it used on which of the two: what
// it claims on one beyond what was busy there is moved to one that was. Belongs to the meter.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/accounting/ledger.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace wattvisor {

class TickUse {
public:
    // One socket's part of a tick, or the whole machine's.
    struct Column {
        std::vector<std::uint64_t> used_ns;  // per consumer
        std::vector<std::uint64_t> moved_ns; // of it, what may have been used on another socket
        std::uint64_t other_ns = 0;
        std::uint64_t capacity_ns = 0; // CPUs × measured time; 0 where not known
        // For memory: bytes per consumer and of all others.
        bool is_memory_known = false;
        std::vector<std::uint64_t> resident;
        std::uint64_t other_resident = 0;
    };

    // Opens the consumers' accounts, whatever their order, and takes their times. `measured` is how
    // long the tick was.
    void take(const UsageSample& usage, std::optional<std::chrono::nanoseconds> measured,
              Ledger& ledger);

    // The accounts of the sample's consumers, in its order.
    [[nodiscard]] const std::vector<Account*>& accounts() const { return accounts_; }
    [[nodiscard]] const std::vector<std::uint64_t>& vcpus() const { return vcpus_; }
    // CPU time over all sockets.
    [[nodiscard]] const Column& whole() const;
    // The socket of a package; the whole machine for a zone of none (psys), in a guest, and where
    // only one socket is known.
    [[nodiscard]] const Column& of_zone(const Zone& zone) const;

private:
    void open_accounts(const UsageSample& usage, Ledger& ledger);
    void take_times(const UsageSample& usage);
    void take_other(const UsageSample& usage, std::chrono::nanoseconds measured);
    void move_claims(std::vector<std::chrono::nanoseconds>& unclaimed);
    [[nodiscard]] std::chrono::nanoseconds move_claims(std::size_t from, std::size_t to,
                                                       std::chrono::nanoseconds most);
    void take_memory(const UsageSample& usage);
    void add_up();

    CpuTopologyPtr topology_;
    std::vector<Account*> accounts_;
    std::vector<std::uint64_t> vcpus_;
    std::vector<Column> sockets_;
    Column whole_;
    std::optional<SocketTimes> last_busy_;
    // Per socket: used, but not yet seen as busy. Below 0: seen as busy, but not yet charged.
    std::vector<std::chrono::nanoseconds> debt_;
};

} // namespace wattvisor
