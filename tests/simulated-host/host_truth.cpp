// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/host_truth.hpp"

#include <algorithm>
#include <numeric>

namespace wattvisor::simulated {

namespace {

void add(SocketNanos& sum, const SocketNanos& more) {
    sum.resize(std::max(sum.size(), more.size()));
    std::transform(more.begin(), more.end(), sum.begin(), sum.begin(), std::plus<>());
}

} // namespace

std::uint64_t ConsumerTruth::cpu_ns() const {
    return std::accumulate(cpu.begin(), cpu.end(), std::uint64_t{0});
}

Energy HostTruth::other_than_vms(std::size_t zone) const {
    Energy sum = other.energy[zone] + ended.energy[zone];
    for (const ConsumerTruth& process : processes) {
        if (process.vm.empty()) {
            sum += process.energy[zone];
        }
    }
    return sum;
}

Energy HostTruth::charged(std::size_t zone) const {
    Energy sum = other_than_vms(zone) + idle.energy[zone];
    for (const ConsumerTruth& each : vms) {
        sum += each.energy[zone];
    }
    return sum;
}

std::size_t HostTruth::zone(std::string_view folder) const {
    const auto found = std::find_if(zones.begin(), zones.end(), [folder](const BankZone& each) {
        return each.folder == folder;
    });
    return static_cast<std::size_t>(found - zones.begin());
}

const ConsumerTruth* HostTruth::vm(std::string_view name_or_uuid) const {
    const auto found =
        std::find_if(vms.begin(), vms.end(), [name_or_uuid](const ConsumerTruth& each) {
            return each.key == name_or_uuid || each.name == name_or_uuid;
        });
    return found == vms.end() ? nullptr : &*found;
}

SocketNanos HostTruth::busy() const {
    SocketNanos sum = other.cpu;
    add(sum, ended.cpu);
    for (const ConsumerTruth& each : vms) {
        add(sum, each.cpu);
    }
    for (const ConsumerTruth& each : processes) {
        if (each.vm.empty()) {
            add(sum, each.cpu);
        }
    }
    return sum;
}

} // namespace wattvisor::simulated
