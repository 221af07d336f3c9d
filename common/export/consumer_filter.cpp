// SPDX-License-Identifier: Apache-2.0
#include "common/export/consumer_filter.hpp"

#include <algorithm>
#include <unordered_set>

namespace wattvisor {

namespace {

bool is_found(const Pattern& pattern, const Consumer& consumer) {
    return pattern.found_in(consumer.exe) || pattern.found_in(consumer.name) ||
           pattern.found_in(consumer.cmdline);
}

// An id is a long row of hexadecimal digits, in which "db" is found sooner or later.
bool is_found(const Pattern& pattern, const Container& container) {
    return pattern.found_in(container.name.empty() ? container.id : container.name);
}

bool uses_more(const ConsumerAccount* a, const ConsumerAccount* b) {
    return a->power_uw != b->power_uw ? a->power_uw > b->power_uw
                                      : a->consumer->key < b->consumer->key;
}

} // namespace

bool is_chosen(const Consumer& consumer, const ConsumerFilter& filter) {
    if (filter.vms_only && consumer.kind != ConsumerKind::vm) {
        return false;
    }
    if (filter.container &&
        (consumer.container == nullptr || !is_found(*filter.container, *consumer.container))) {
        return false;
    }
    return !filter.process || is_found(*filter.process, consumer);
}

std::vector<const ConsumerAccount*> biggest_consumers(const Snapshot& snapshot,
                                                      const ConsumerFilter& filter) {
    std::vector<const ConsumerAccount*> found;
    for (const ConsumerAccount& account : snapshot.consumers) {
        if (snapshot.source_up && account.power_uw && is_chosen(*account.consumer, filter)) {
            found.push_back(&account);
        }
    }
    const std::size_t kept = std::min<std::size_t>(filter.top.value_or(found.size()), found.size());
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(kept), found.end(),
                      uses_more);
    found.resize(kept);
    return found;
}

SnapshotPtr filtered(const SnapshotPtr& snapshot, const ConsumerFilter& filter) {
    if (filter == ConsumerFilter()) {
        return snapshot;
    }
    auto result = std::make_shared<Snapshot>(*snapshot);
    if (filter.top) {
        const auto biggest = biggest_consumers(*snapshot, filter);
        const std::unordered_set<const ConsumerAccount*> kept(biggest.begin(), biggest.end());
        result->consumers.clear();
        for (const ConsumerAccount& account : snapshot->consumers) {
            if (kept.contains(&account)) {
                result->consumers.push_back(account);
            }
        }
    } else {
        std::erase_if(result->consumers, [&filter](const ConsumerAccount& account) {
            return !is_chosen(*account.consumer, filter);
        });
    }
    return result;
}

} // namespace wattvisor
