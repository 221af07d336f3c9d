// SPDX-License-Identifier: Apache-2.0
// The running totals in whole microjoules, per zone and consumer. Totals never go back, and per
// zone total = consumers + ended + other + idle holds after every charge. The ledger knows nothing
// of counters, sockets or time; the meter feeds it. A consumer that ends is either kept under its
// key, so that it goes on when it comes back (a VM), or folded into `ended` (a process). A tick
// costs nothing for those that have ended.
#pragma once

#include "common/accounting/attribution.hpp"
#include "common/accounting/carried_energy.hpp"
#include "common/accounting/component_energy.hpp"
#include "common/accounting/consumer.hpp"
#include "common/energy/zone.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace wattvisor {

// What is written down of one zone.
struct ZoneTotals {
    Zone zone;
    std::uint64_t total_uj = 0;
    std::uint64_t folded_uj = 0; // of consumers that were forgotten
    std::uint64_t other_uj = 0;
    std::uint64_t idle_uj = 0;
    std::int64_t other_carry = 0;
    std::int64_t idle_carry = 0;
    // Of the counter, so that a restart of the agent loses sight of nothing:
    std::optional<std::uint64_t> counter_uj{}; // as it was last read
    std::uint64_t unmetered_uj = 0;            // used while no agent ran: charged to nobody
    std::uint64_t wraps = 0;
    std::uint64_t resets = 0;
    std::uint64_t jumps = 0;
    std::optional<std::uint64_t> floor_uw{}; // the least power seen, for the policy `static`
};

struct Account {
    std::uint64_t id = 0;
    ConsumerPtr consumer;
    bool listed = false;                 // there at the last tick
    std::vector<std::uint64_t> total_uj; // per zone of the ledger
    std::vector<std::int64_t> carry;
    SocketTimes cpu_time;                      // as of the last tick, on the source's count
    std::optional<ComponentEnergy> components; // none before the first look at its threads
    CarriedAccount carried; // what other hosts' ledgers charged it; not in total_uj
    std::chrono::system_clock::time_point ended{}; // when it was last listed, for keeping it
};

// What an account is charged by in one split: CPU time in nanoseconds, or whatever the policy says.
struct AccountUse {
    Account* account;
    std::uint64_t weight;
};

// Who is charged when nothing ran at all.
enum class Residual {
    idle,  // a machine of its own
    other, // a VM: its energy is what the host measured, so something of it ran
};

class Ledger {
public:
    // A ledger that begins anew has an id of its own.
    explicit Ledger(Residual residual) : residual_(residual), id_(make_ledger_id()) {}
    Ledger(Ledger&&) = default;
    Ledger& operator=(Ledger&&) = default;
    Ledger(const Ledger&) = delete; // accounts are known by their address
    Ledger& operator=(const Ledger&) = delete;
    ~Ledger() = default;

    // The index of the zone, which is added when it is new. A zone keeps its index for ever.
    std::size_t zone_index(const Zone& zone);

    // The account of the consumer, or null when it has none yet.
    Account* find(const ConsumerPtr& consumer);
    // The account of the consumer, which is opened when it is new. Accounts are numbered as they
    // are opened, and numbers decide where a microjoule goes that two are owed alike: open those
    // that are new in one tick in the order of their keys, and it does not matter in which order a
    // source lists them.
    Account& open(const ConsumerPtr& consumer);

    [[nodiscard]] const LedgerId& id() const { return id_; }
    // Null where there is none.
    [[nodiscard]] const Account* find(const std::string& key) const;

    // Takes in what came along with a consumer from other hosts, before it is charged here.
    Learned learn(const ConsumerPtr& consumer, const CarriedEnergy& copy);
    // What this ledger charged the account, by kind of zone.
    [[nodiscard]] KindEnergy charged_by_kind(const Account& account) const;

    // Splits the energy of one zone among `uses`, `other` and `idle` by their weights, exactly.
    // Returns what was charged per use, in their order.
    std::vector<std::uint64_t> charge(std::size_t zone, std::uint64_t energy_uj,
                                      const std::vector<AccountUse>& uses, std::uint64_t other,
                                      std::uint64_t idle = 0);

    // Marks the accounts in use as listed and all others as ended; forgets those that ended before
    // `keep_since`, and processes at once, and folds their totals into `ended`.
    void close_unlisted(const std::vector<AccountUse>& listed,
                        std::chrono::system_clock::time_point now,
                        std::chrono::system_clock::time_point keep_since);

    [[nodiscard]] const std::vector<ZoneTotals>& zones() const { return zones_; }
    // For what the meter learns of a counter; sums are the ledger's own.
    [[nodiscard]] ZoneTotals& notes(std::size_t zone) { return zones_[zone]; }
    [[nodiscard]] const std::map<std::uint64_t, Account>& accounts() const { return accounts_; }
    // Those that are listed, in the order of the last tick (and those that were opened since).
    [[nodiscard]] const std::vector<Account*>& awake() const { return awake_; }
    // Changes whenever the accounts that are not awake do.
    [[nodiscard]] std::uint64_t resting_version() const { return resting_version_; }

    // Microjoules of the zone that belong to consumers which are not listed now.
    [[nodiscard]] std::uint64_t ended_uj(std::size_t zone) const;

    // How far the sum of all parts is from the total, over all zones. Anything but 0 is a bug.
    [[nodiscard]] std::uint64_t conservation_error_uj() const;

    // Puts back what ledger_file read, in the order of the keys. Only on an empty ledger.
    void restore(std::vector<ZoneTotals> zones, std::vector<Account> accounts);
    void restore_id(const LedgerId& id) { id_ = id; }

private:
    void put_to_rest(Account& account);
    void wake(Account& account);
    void forget(std::uint64_t id);
    void fold(const Account& account);

    Residual residual_;
    LedgerId id_;
    std::vector<ZoneTotals> zones_;
    std::map<std::uint64_t, Account> accounts_; // by id: in the order of their opening
    std::unordered_map<std::string, std::uint64_t> id_of_key_;
    std::uint64_t next_id_ = 1; // 0 is `other`
    // Accounts are either awake (listed at the last tick, or opened since) or at rest.
    std::vector<Account*> awake_;
    std::vector<std::uint64_t> resting_uj_; // per zone, of all at rest
    std::set<std::pair<std::chrono::system_clock::time_point, std::uint64_t>> resting_; // by end
    std::uint64_t resting_version_ = 0;
};

} // namespace wattvisor
