// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/ledger.hpp"

#include <algorithm>

namespace wattvisor {

std::size_t Ledger::zone_index(const Zone& zone) {
    const auto known =
        std::find_if(zones_.begin(), zones_.end(),
                     [&zone](const ZoneTotals& totals) { return totals.zone.id == zone.id; });
    if (known != zones_.end()) {
        known->zone = zone; // the range or the name may be read better now
        return static_cast<std::size_t>(known - zones_.begin());
    }
    ZoneTotals totals;
    totals.zone = zone;
    zones_.push_back(std::move(totals));
    for (auto& [id, account] : accounts_) {
        account.total_uj.resize(zones_.size());
        account.carry.resize(zones_.size());
    }
    return zones_.size() - 1;
}

Account& Ledger::open(const ConsumerPtr& consumer) {
    const auto [entry, is_new] = id_of_key_.try_emplace(consumer->key, next_id_);
    Account& account = accounts_[entry->second];
    if (is_new) {
        account.id = next_id_++;
        account.total_uj.resize(zones_.size());
        account.carry.resize(zones_.size());
    }
    account.consumer = consumer;
    return account;
}

std::vector<std::uint64_t> Ledger::charge(std::size_t zone, std::uint64_t energy_uj,
                                          const std::vector<AccountUse>& uses,
                                          std::uint64_t other_ns) {
    ZoneTotals& totals = zones_[zone];
    totals.total_uj += energy_uj;
    std::vector<Claim> claims;
    claims.reserve(uses.size() + 1);
    for (const AccountUse& use : uses) {
        claims.push_back({use.account->id, use.cpu_ns, use.account->carry[zone], 0});
    }
    claims.push_back({0, other_ns, totals.other_carry, 0});
    if (!split_exactly(energy_uj, claims)) {
        (residual_ == Residual::idle ? totals.idle_uj : totals.other_uj) += energy_uj;
    }
    totals.other_uj += claims.back().energy_uj;
    totals.other_carry = claims.back().carry;
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
    for (auto& [id, account] : accounts_) {
        if (account.listed) {
            account.ended = now;
        }
        account.listed = false;
    }
    for (const AccountUse& use : listed) {
        use.account->listed = true;
    }
    for (auto it = accounts_.begin(); it != accounts_.end();) {
        const Account& account = it->second;
        if (account.listed || account.ended > keep_since) {
            ++it;
            continue;
        }
        forget(account);
        it = accounts_.erase(it);
    }
}

void Ledger::forget(const Account& account) {
    for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
        zones_[zone].folded_uj += account.total_uj[zone];
        // What it was still owed goes to `other`, or rounding would be lost with every process.
        zones_[zone].other_carry += account.carry[zone];
    }
    id_of_key_.erase(account.consumer->key);
}

std::uint64_t Ledger::ended_uj(std::size_t zone) const {
    std::uint64_t sum = zones_[zone].folded_uj;
    for (const auto& [id, account] : accounts_) {
        if (!account.listed) {
            sum += account.total_uj[zone];
        }
    }
    return sum;
}

std::uint64_t Ledger::conservation_error_uj() const {
    std::uint64_t error = 0;
    for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
        const ZoneTotals& totals = zones_[zone];
        std::uint64_t parts = totals.folded_uj + totals.other_uj + totals.idle_uj;
        for (const auto& [id, account] : accounts_) {
            parts += account.total_uj[zone];
        }
        error += parts > totals.total_uj ? parts - totals.total_uj : totals.total_uj - parts;
    }
    return error;
}

void Ledger::restore(std::vector<ZoneTotals> zones, std::vector<Account> accounts) {
    zones_ = std::move(zones);
    for (Account& account : accounts) {
        account.id = next_id_++;
        account.listed = false;
        account.total_uj.resize(zones_.size());
        account.carry.resize(zones_.size());
        id_of_key_.emplace(account.consumer->key, account.id);
        accounts_.emplace(account.id, std::move(account));
    }
}

} // namespace wattvisor
