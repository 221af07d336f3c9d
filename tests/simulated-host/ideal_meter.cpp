// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/ideal_meter.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace wattvisor::simulated {

namespace {

SocketNanos minus(const SocketNanos& now, const SocketNanos& before) {
    SocketNanos difference = now;
    for (std::size_t socket = 0; socket < before.size(); ++socket) {
        difference[socket] -= before[socket];
    }
    return difference;
}

std::uint64_t on_sockets(const SocketNanos& times, const std::optional<unsigned>& socket) {
    return socket ? times[*socket] : std::accumulate(times.begin(), times.end(), std::uint64_t{0});
}

} // namespace

std::vector<IdealMeter::Share> IdealMeter::shares(const HostTruth& truth) {
    std::vector<Share> shares;
    const auto& consumers = consumers_ == Consumers::vms ? truth.vms : truth.processes;
    for (const ConsumerTruth& each : consumers) {
        SocketNanos& before = cpu_[each.key];
        shares.push_back({&each.key, minus(each.cpu, before)});
        before = each.cpu;
    }
    return shares;
}

void IdealMeter::charge(std::size_t zone, const BankZone& of, const std::vector<Share>& shares,
                        const SocketNanos& busy) {
    const Energy used = of.total - zones_[zone];
    const auto charge_to = [this, zone](std::string_view key, const Energy& energy) {
        auto entry = charged_.find(key);
        if (entry == charged_.end()) {
            entry = charged_.emplace(std::string(key), std::vector<Energy>(zones_.size())).first;
        }
        entry->second[zone] += energy;
    };
    const std::uint64_t all = on_sockets(busy, of.socket);
    if (all == 0) {
        charge_to("idle", used);
        return;
    }
    ExactSplit split(used, all);
    std::uint64_t listed = 0;
    for (const Share& share : shares) {
        const std::uint64_t weight = on_sockets(share.cpu, of.socket);
        listed += weight;
        if (weight > 0) {
            charge_to(*share.key, split.take(weight));
        }
    }
    charge_to("other", split.take(all - listed));
}

void IdealMeter::look(const HostTruth& truth) {
    const std::vector<Share> used = shares(truth);
    const SocketNanos busy_now = truth.busy();
    if (!has_looked_) {
        zones_.resize(truth.zones.size());
        for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
            first_.push_back(truth.zones[zone].total);
        }
    } else {
        const SocketNanos busy = minus(busy_now, busy_);
        for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
            charge(zone, truth.zones[zone], used, busy);
        }
    }
    for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
        zones_[zone] = truth.zones[zone].total;
    }
    busy_ = busy_now;
    has_looked_ = true;
}

Energy IdealMeter::energy(std::string_view key, std::size_t zone) const {
    const auto entry = charged_.find(key);
    return entry == charged_.end() ? Energy() : entry->second[zone];
}

Energy IdealMeter::total(std::size_t zone) const {
    return has_looked_ ? zones_[zone] - first_[zone] : Energy();
}

std::vector<std::string> IdealMeter::keys() const {
    std::vector<std::string> keys;
    for (const auto& [key, energy] : charged_) {
        keys.push_back(key);
    }
    return keys;
}

} // namespace wattvisor::simulated
