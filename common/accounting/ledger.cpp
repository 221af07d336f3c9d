// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/ledger.hpp"

#include <algorithm>
#include <limits>

namespace wattvisor {

namespace {

// Accounts have the numbers in between.
constexpr std::uint64_t kOtherId = 0;
constexpr std::uint64_t kIdleId = std::numeric_limits<std::uint64_t>::max();

} // namespace

std::size_t Ledger::zone_index(const Zone& zone) {
    const auto known =
        std::find_if(zones_.begin(), zones_.end(),
                     [&zone](const ZoneTotals& totals) { return totals.zone.id == zone.id; });
    if (known != zones_.end()) {
        if (known->zone != zone) {
            known->zone = zone; // the range or the name may be read better now
        }
        return static_cast<std::size_t>(known - zones_.begin());
    }
    ZoneTotals totals;
    totals.zone = zone;
    zones_.push_back(std::move(totals));
    resting_uj_.resize(zones_.size());
    ++resting_version_; // their text has the new zone too
    for (auto& [id, account] : accounts_) {
        account.total_uj.resize(zones_.size());
        account.carry.resize(zones_.size());
    }
    return zones_.size() - 1;
}

Account* Ledger::find(const ConsumerPtr& consumer) {
    const auto entry = id_of_key_.find(consumer->key);
    if (entry == id_of_key_.end()) {
        return nullptr;
    }
    Account& account = accounts_.at(entry->second);
    if (!account.listed) {
        wake(account);
    }
    account.consumer = consumer;
    return &account;
}

Account& Ledger::open(const ConsumerPtr& consumer) {
    if (Account* known = find(consumer)) {
        return *known;
    }
    id_of_key_.emplace(consumer->key, next_id_);
    Account& account = accounts_[next_id_];
    account.id = next_id_++;
    account.consumer = consumer;
    account.total_uj.resize(zones_.size());
    account.carry.resize(zones_.size());
    awake_.push_back(&account);
    return account;
}

const Account* Ledger::find(const std::string& key) const {
    const auto entry = id_of_key_.find(key);
    return entry == id_of_key_.end() ? nullptr : &accounts_.at(entry->second);
}

Learned Ledger::learn(const ConsumerPtr& consumer, const CarriedEnergy& copy) {
    Account& account = open(consumer);
    return account.carried.learn(copy, id_, charged_by_kind(account));
}

KindEnergy Ledger::charged_by_kind(const Account& account) const {
    KindEnergy energy;
    for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
        energy[zones_[zone].zone.kind] += account.total_uj[zone];
    }
    return energy;
}

std::vector<std::uint64_t> Ledger::charge(std::size_t zone, std::uint64_t energy_uj,
                                          const std::vector<AccountUse>& uses, std::uint64_t other,
                                          std::uint64_t idle) {
    ZoneTotals& totals = zones_[zone];
    totals.total_uj += energy_uj;
    std::vector<Claim> claims;
    claims.reserve(uses.size() + 2);
    for (const AccountUse& use : uses) {
        claims.push_back({use.account->id, use.weight, use.account->carry[zone], 0});
    }
    claims.push_back({kOtherId, other, totals.other_carry, 0});
    claims.push_back({kIdleId, idle, totals.idle_carry, 0});
    if (!split_exactly(energy_uj, claims)) {
        (residual_ == Residual::idle ? totals.idle_uj : totals.other_uj) += energy_uj;
    }
    const Claim& idle_claim = claims[uses.size() + 1];
    totals.idle_uj += idle_claim.energy_uj;
    totals.idle_carry = idle_claim.carry;
    const Claim& other_claim = claims[uses.size()];
    totals.other_uj += other_claim.energy_uj;
    totals.other_carry = other_claim.carry;
    std::vector<std::uint64_t> charged(uses.size());
    for (std::size_t i = 0; i < uses.size(); ++i) {
        charged[i] = claims[i].energy_uj;
        uses[i].account->total_uj[zone] += claims[i].energy_uj;
        uses[i].account->carry[zone] = claims[i].carry;
    }
    return charged;
}

void Ledger::close_unlisted(const std::vector<AccountUse>& listed,
                            std::chrono::system_clock::time_point now,
                            std::chrono::system_clock::time_point keep_since) {
    for (Account* account : awake_) {
        if (account->listed) {
            account->ended = now;
        }
        account->listed = false;
    }
    std::vector<Account*> awake;
    awake.reserve(listed.size());
    for (const AccountUse& use : listed) {
        if (!use.account->listed) { // once, also where a source lists a key twice
            use.account->listed = true;
            awake.push_back(use.account);
        }
    }
    for (Account* account : awake_) {
        if (account->listed) {
            continue;
        }
        if (account->consumer->kind == ConsumerKind::process) {
            fold(*account); // its key never comes back
        } else {
            put_to_rest(*account);
        }
    }
    awake_ = std::move(awake);
    while (!resting_.empty() && resting_.begin()->first <= keep_since) {
        forget(resting_.begin()->second);
    }
}

void Ledger::put_to_rest(Account& account) {
    for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
        resting_uj_[zone] += account.total_uj[zone];
    }
    resting_.emplace(account.ended, account.id);
    ++resting_version_;
}

void Ledger::wake(Account& account) {
    if (resting_.erase({account.ended, account.id}) == 0) {
        return; // opened twice in one tick
    }
    for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
        resting_uj_[zone] -= account.total_uj[zone];
    }
    awake_.push_back(&account);
    ++resting_version_;
}

void Ledger::forget(std::uint64_t id) {
    const Account& account = accounts_.at(id);
    for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
        resting_uj_[zone] -= account.total_uj[zone];
    }
    resting_.erase({account.ended, id});
    fold(account);
    ++resting_version_;
}

void Ledger::fold(const Account& account) {
    for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
        zones_[zone].folded_uj += account.total_uj[zone];
        // What it was still owed goes to `other`, or rounding would be lost with every process.
        zones_[zone].other_carry += account.carry[zone];
    }
    id_of_key_.erase(account.consumer->key);
    accounts_.erase(account.id);
}

std::uint64_t Ledger::ended_uj(std::size_t zone) const {
    return zones_[zone].folded_uj + resting_uj_[zone];
}

std::uint64_t Ledger::conservation_error_uj() const {
    std::uint64_t error = 0;
    for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
        const ZoneTotals& totals = zones_[zone];
        std::uint64_t parts = ended_uj(zone) + totals.other_uj + totals.idle_uj;
        for (const Account* account : awake_) {
            parts += account->total_uj[zone];
        }
        error += parts > totals.total_uj ? parts - totals.total_uj : totals.total_uj - parts;
    }
    return error;
}

void Ledger::restore(std::vector<ZoneTotals> zones, std::vector<Account> accounts) {
    zones_ = std::move(zones);
    resting_uj_.resize(zones_.size());
    std::sort(accounts.begin(), accounts.end(),
              [](const Account& a, const Account& b) { return a.consumer->key < b.consumer->key; });
    for (Account& account : accounts) {
        account.id = next_id_++;
        account.listed = false;
        account.total_uj.resize(zones_.size());
        account.carry.resize(zones_.size());
        id_of_key_.emplace(account.consumer->key, account.id);
        const auto entry = accounts_.emplace(account.id, std::move(account)).first;
        put_to_rest(entry->second);
    }
}

} // namespace wattvisor
