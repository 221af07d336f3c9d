// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/group_energy.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace wattvisor {

using std::chrono::nanoseconds;

namespace {

// How often also those that were charged nothing are looked at: new ones, and which still exist.
constexpr auto kLookAtAll = std::chrono::seconds(10);

std::string key_of(const Container& container) {
    return container.owner.empty() ? container.id : container.owner + '/' + container.id;
}

} // namespace

GroupEnergy::Group* GroupEnergy::find(Groups& groups, const std::string& key, nanoseconds now) {
    auto entry = groups.find(key);
    if (entry == groups.end()) {
        if (groups.size() >= kMostGroups) {
            return nullptr;
        }
        entry = groups.try_emplace(key).first;
    }
    entry->second.seen = now;
    return &entry->second;
}

void GroupEnergy::charge(const Consumer& consumer, std::uint64_t charged_uj, nanoseconds now) {
    const auto add = [charged_uj](Group& group) {
        group.total_uj += charged_uj;
        group.tick_uj += charged_uj;
    };
    if (!consumer.systemd_unit.empty()) {
        if (Group* unit = find(units_, consumer.systemd_unit, now)) {
            add(*unit);
        }
    }
    if (consumer.container) {
        if (Group* container = find(containers_, key_of(*consumer.container), now)) {
            add(*container);
            container->container = consumer.container; // its name may be known better now
        }
    }
}

void GroupEnergy::take(const UsageSample& usage, const std::vector<std::uint64_t>& charged_uj,
                       nanoseconds now) {
    for (Groups* groups : {&units_, &containers_}) {
        for (auto& [key, group] : *groups) {
            group.tick_uj = 0;
        }
    }
    const bool looks_at_all = !looked_at_all_ || now - *looked_at_all_ >= kLookAtAll;
    for (std::size_t i = 0; i < usage.consumers.size(); ++i) {
        if (charged_uj[i] > 0 || looks_at_all) {
            charge(*usage.consumers[i].consumer, charged_uj[i], now);
        }
    }
    if (looks_at_all) {
        looked_at_all_ = now;
        for (Groups* groups : {&units_, &containers_}) {
            std::erase_if(
                *groups, [now](const auto& entry) { return now - entry.second.seen > kKeepEnded; });
        }
    }
}

std::vector<GroupAccount> GroupEnergy::tell(const Groups& groups,
                                            std::optional<nanoseconds> measured) {
    std::vector<GroupAccount> accounts;
    accounts.reserve(groups.size());
    for (const auto& [key, group] : groups) {
        GroupAccount& account = accounts.emplace_back();
        account.name = key;
        account.container = group.container;
        account.total_uj = group.total_uj;
        if (measured) {
            const double seconds = std::chrono::duration<double>(*measured).count();
            account.power_uw = static_cast<std::uint64_t>(
                std::llround(static_cast<double>(group.tick_uj) / seconds));
        }
    }
    std::sort(accounts.begin(), accounts.end(),
              [](const GroupAccount& a, const GroupAccount& b) { return a.name < b.name; });
    return accounts;
}

std::vector<GroupAccount> GroupEnergy::units(std::optional<nanoseconds> measured) const {
    return tell(units_, measured);
}

std::vector<GroupAccount> GroupEnergy::containers(std::optional<nanoseconds> measured) const {
    return tell(containers_, measured);
}

} // namespace wattvisor
