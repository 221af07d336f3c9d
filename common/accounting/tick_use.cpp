// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/tick_use.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace wattvisor {

namespace {

using std::chrono::nanoseconds;

nanoseconds at(const SocketTimes& times, std::size_t socket) {
    return socket < times.size() ? times[socket] : nanoseconds(0);
}

std::uint64_t count(nanoseconds time) {
    return time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0;
}

// Ticks of this length are long beside the error of busy time.
constexpr nanoseconds kSettled = std::chrono::seconds(1);

// In a short tick the error of busy time may be most of what seems to be unclaimed, and the next
// readings take it back: that much is charged over a second. What is beyond is no error.
nanoseconds charged_to_other(nanoseconds unclaimed, nanoseconds error, nanoseconds measured) {
    const nanoseconds doubtful = std::clamp(unclaimed, nanoseconds(0), error);
    const nanoseconds sure = std::max(unclaimed - error, nanoseconds(0));
    if (measured >= kSettled) {
        return sure + doubtful;
    }
    constexpr std::int64_t kSteps = 1000;
    return sure + doubtful / kSteps * (measured * kSteps / kSettled);
}

void add_to(std::vector<std::uint64_t>& sums, const std::vector<std::uint64_t>& parts) {
    std::transform(parts.begin(), parts.end(), sums.begin(), sums.begin(), std::plus<>());
}

} // namespace

void TickUse::take(const UsageSample& usage, std::optional<nanoseconds> measured, Ledger& ledger) {
    if (topology_ != usage.topology) {
        topology_ = usage.topology;
        last_busy_.reset(); // counted over other sockets
    }
    const std::size_t sockets = topology_ ? topology_->sockets() : 1;
    sockets_.resize(sockets);
    debt_.resize(sockets);
    for (std::size_t socket = 0; socket < sockets; ++socket) {
        sockets_[socket].capacity_ns =
            topology_ ? count(measured.value_or(nanoseconds(0)) *
                              static_cast<std::int64_t>(topology_->cpus[socket]))
                      : 0;
    }
    open_accounts(usage, ledger);
    take_times(usage);
    take_other(usage, measured.value_or(kSettled));
    take_memory(usage);
    add_up();
}

// Those that are new by their keys: then neither a microjoule nor a number in the ledger depends on
// the order in which /proc or libvirt lists them.
void TickUse::open_accounts(const UsageSample& usage, Ledger& ledger) {
    accounts_.clear();
    std::vector<std::size_t> unknown;
    for (const ConsumerUsage& used : usage.consumers) {
        accounts_.push_back(ledger.find(used.consumer));
        if (accounts_.back() == nullptr) {
            unknown.push_back(accounts_.size() - 1);
        }
    }
    std::sort(unknown.begin(), unknown.end(), [&usage](std::size_t a, std::size_t b) {
        return usage.consumers[a].consumer->key < usage.consumers[b].consumer->key;
    });
    for (const std::size_t index : unknown) {
        accounts_[index] = &ledger.open(usage.consumers[index].consumer);
    }
}

void TickUse::take_times(const UsageSample& usage) {
    vcpus_.clear();
    for (Column& column : sockets_) {
        column.used_ns.clear();
        column.moved_ns.clear();
    }
    for (std::size_t i = 0; i < usage.consumers.size(); ++i) {
        const ConsumerUsage& used = usage.consumers[i];
        Account& account = *accounts_[i];
        vcpus_.push_back(used.consumer->vcpus);
        for (std::size_t socket = 0; socket < sockets_.size(); ++socket) {
            // A consumer that was not listed is counted from 0 by its source, also when it came
            // back.
            const nanoseconds before =
                account.listed ? at(account.cpu_time, socket) : nanoseconds(0);
            Column& column = sockets_[socket];
            column.used_ns.push_back(count(at(used.cpu_time, socket) - before));
            column.moved_ns.push_back(
                std::min(count(at(used.moved, socket)), column.used_ns.back()));
        }
        account.cpu_time = used.cpu_time;
    }
}

// What was busy and is no consumer.
void TickUse::take_other(const UsageSample& usage, nanoseconds measured) {
    std::vector<nanoseconds> unclaimed(sockets_.size(), nanoseconds(0));
    for (std::size_t socket = 0; socket < sockets_.size(); ++socket) {
        Column& column = sockets_[socket];
        const nanoseconds used(
            std::accumulate(column.used_ns.begin(), column.used_ns.end(), std::uint64_t{0}));
        column.other_ns = 0;
        if (!usage.busy_time) {
            debt_[socket] += used; // the next reading shows this time too
        } else if (!last_busy_) {
            debt_[socket] = nanoseconds(0); // busy time begins here: what was used is not in it
        } else {
            const nanoseconds busy = at(*usage.busy_time, socket) - at(*last_busy_, socket);
            unclaimed[socket] = busy - used - debt_[socket];
        }
    }
    if (!usage.busy_time) {
        return;
    }
    if (last_busy_) {
        move_claims(unclaimed);
        for (std::size_t socket = 0; socket < sockets_.size(); ++socket) {
            const nanoseconds other =
                charged_to_other(unclaimed[socket], usage.busy_error, measured);
            debt_[socket] = std::min(other - unclaimed[socket], 2 * usage.busy_error);
            sockets_[socket].other_ns = count(other);
        }
    }
    last_busy_ = usage.busy_time;
}

// From sockets where more was claimed than was busy to those where less was.
void TickUse::move_claims(std::vector<nanoseconds>& unclaimed) {
    for (std::size_t from = 0; from < unclaimed.size(); ++from) {
        for (std::size_t to = 0; to < unclaimed.size(); ++to) {
            const nanoseconds most = std::min(-unclaimed[from], unclaimed[to]);
            if (most > nanoseconds(0)) {
                const nanoseconds moved = move_claims(from, to, most);
                unclaimed[from] += moved;
                unclaimed[to] -= moved;
            }
        }
    }
}

// Of what threads used that came from elsewhere in this tick, in proportion; but only to where
// their process was ever seen. What does not divide stays, so the order does not matter.
nanoseconds TickUse::move_claims(std::size_t from, std::size_t to, nanoseconds most) {
    __extension__ using Wide = unsigned __int128;
    Column& source = sockets_[from];
    Column& target = sockets_[to];
    const auto movable = [&](std::size_t i) {
        return at(accounts_[i]->cpu_time, to) > nanoseconds(0) ? source.moved_ns[i] : 0;
    };
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < accounts_.size(); ++i) {
        sum += movable(i);
    }
    const std::uint64_t wanted = std::min(sum, count(most));
    std::uint64_t moved = 0;
    for (std::size_t i = 0; i < accounts_.size() && wanted > 0; ++i) {
        const auto part = static_cast<std::uint64_t>(Wide{movable(i)} * wanted / sum);
        source.used_ns[i] -= part;
        source.moved_ns[i] -= part;
        target.used_ns[i] += part;
        moved += part;
    }
    return nanoseconds(moved);
}

void TickUse::take_memory(const UsageSample& usage) {
    const bool is_known = usage.used_memory.size() == sockets_.size();
    for (std::size_t socket = 0; socket < sockets_.size(); ++socket) {
        Column& column = sockets_[socket];
        column.resident.clear();
        column.is_memory_known = is_known;
        if (!is_known) {
            continue;
        }
        std::uint64_t known = 0;
        for (const ConsumerUsage& used : usage.consumers) {
            const std::uint64_t bytes = socket < used.resident.size() ? used.resident[socket] : 0;
            column.resident.push_back(bytes);
            known += bytes;
        }
        const std::uint64_t all = usage.used_memory[socket];
        column.other_resident = all > known ? all - known : 0;
    }
}

void TickUse::add_up() {
    if (sockets_.size() == 1) {
        return; // of_zone() and whole() are that one
    }
    whole_.used_ns.assign(accounts_.size(), 0);
    whole_.other_ns = 0;
    whole_.capacity_ns = 0;
    for (const Column& column : sockets_) {
        add_to(whole_.used_ns, column.used_ns);
        whole_.other_ns += column.other_ns;
        whole_.capacity_ns += column.capacity_ns;
    }
}

const TickUse::Column& TickUse::whole() const {
    return sockets_.size() == 1 ? sockets_.front() : whole_;
}

const TickUse::Column& TickUse::of_zone(const Zone& zone) const {
    if (sockets_.size() == 1 || zone.kind == ZoneKind::psys) {
        return whole();
    }
    const auto socket = topology_->socket_of_package(zone.socket);
    return socket ? sockets_[*socket] : whole();
}

} // namespace wattvisor
