// SPDX-License-Identifier: Apache-2.0
// What is true of a simulated host at one moment: per zone the energy used, and per consumer its
// CPU time and the energy that an ideal meter would have charged to it. Plain values that no longer
// change; any thread.
//
// `energy` is that of infinite resolution: at each instant the power of a socket belongs to who
// runs there, in proportion, and to `idle` while nobody does. A real meter looks once a second;
// what it charges at best is what IdealMeter (ideal_meter.hpp) finds from truths a second apart.
#pragma once

#include "tests/simulated-host/exact_energy.hpp"
#include "tests/simulated-host/population.hpp"
#include "tests/simulated-host/zone_bank.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace wattvisor::simulated {

struct ConsumerTruth {
    std::string key; // a VM's UUID, or "PID:STARTTIME" of a process
    std::string name;
    pid_t pid = 0;              // of a VM: of QEMU; 0 while it is stopped
    std::string vm;             // of a process that belongs to a VM: the VM's UUID
    bool ended = false;         // a process, or a VM that does not run now
    SocketNanos cpu;            // since the scenario began
    std::vector<Energy> energy; // per zone
    std::array<SocketNanos, kComponents> components; // of a VM: cpu by kind of thread

    [[nodiscard]] std::uint64_t cpu_ns() const;
};

struct HostTruth {
    nanoseconds now{0};
    nanoseconds since_boot{0};
    std::vector<BankZone> zones;
    std::vector<ConsumerTruth> vms;
    // All but kernel threads. Those that belong to a VM are in here too: take them as consumers or
    // the VMs, not both.
    std::vector<ConsumerTruth> processes;
    ConsumerTruth other; // kernel threads (not a VM's) and interrupts
    ConsumerTruth ended; // processes that ended long ago and are no longer listed
    ConsumerTruth idle;

    // All that is not a VM and not idle: `other` as a host agent sees it.
    [[nodiscard]] Energy other_than_vms(std::size_t zone) const;
    // VMs + processes of no VM + other + ended + idle: the zone's total, to the femtojoule. mmio
    // zones repeat others and are charged to nobody.
    [[nodiscard]] Energy charged(std::size_t zone) const;
    [[nodiscard]] std::size_t zone(std::string_view folder) const; // zones.size(): none
    [[nodiscard]] const ConsumerTruth* vm(std::string_view name_or_uuid) const;
    [[nodiscard]] SocketNanos busy() const; // CPU time of everybody
};

} // namespace wattvisor::simulated
