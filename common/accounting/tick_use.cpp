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
    take_times(usage, ledger);
    take_other(usage);
    take_memory(usage);
    add_up();
}

void TickUse::take_times(const UsageSample& usage, Ledger& ledger) {
    accounts_.clear();
    vcpus_.clear();
    for (Column& column : sockets_) {
        column.used_ns.clear();
    }
    for (const ConsumerUsage& used : usage.consumers) {
        Account& account = ledger.open(used.consumer);
        accounts_.push_back(&account);
        vcpus_.push_back(used.consumer->vcpus);
        for (std::size_t socket = 0; socket < sockets_.size(); ++socket) {
            // A consumer that was not listed is counted from 0 by its source, also when it came
            // back.
            const nanoseconds before =
                account.listed ? at(account.cpu_time, socket) : nanoseconds(0);
            sockets_[socket].used_ns.push_back(count(at(used.cpu_time, socket) - before));
        }
        account.cpu_time = used.cpu_time;
    }
}

// What was busy and is no consumer.
void TickUse::take_other(const UsageSample& usage) {
    for (std::size_t socket = 0; socket < sockets_.size(); ++socket) {
        Column& column = sockets_[socket];
        const nanoseconds used(
            std::accumulate(column.used_ns.begin(), column.used_ns.end(), std::uint64_t{0}));
        if (!usage.busy_time) {
            debt_[socket] += used; // the next reading shows this time too
            column.other_ns = 0;
            continue;
        }
        const nanoseconds busy =
            last_busy_ ? at(*usage.busy_time, socket) - at(*last_busy_, socket) : nanoseconds(0);
        const nanoseconds other = busy - used - debt_[socket];
        debt_[socket] = std::clamp(-other, nanoseconds(0), 2 * usage.busy_error);
        column.other_ns = count(other);
    }
    if (usage.busy_time) {
        last_busy_ = usage.busy_time;
    }
}

void TickUse::take_memory(const UsageSample& usage) {
    const bool is_known = usage.used_memory.size() == sockets_.size();
    for (std::size_t socket = 0; socket < sockets_.size(); ++socket) {
        Column& column = sockets_[socket];
        column.resident.clear();
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
    whole_.resident.clear();
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
