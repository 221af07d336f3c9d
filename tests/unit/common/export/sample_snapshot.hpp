// SPDX-License-Identifier: Apache-2.0
// Snapshots for the tests of exporters: a host of two sockets, a guest, and what changes in them.
#pragma once

#include "common/accounting/snapshot.hpp"

#include <string>
#include <utility>

namespace wattvisor::test {

inline ZoneAccount zone(std::string id, std::string name, ZoneKind kind, unsigned socket,
                        std::uint64_t total_uj, std::optional<std::uint64_t> power_uw) {
    ZoneAccount account;
    account.zone = Zone{std::move(id), std::move(name), kind, socket, 262'143'328'850};
    account.listed = true;
    account.readable = true;
    account.total_uj = total_uj;
    account.power_uw = power_uw;
    return account;
}

inline ConsumerAccount consumer(ConsumerKind kind, std::string key, std::string name, pid_t pid,
                                std::vector<std::uint64_t> total_uj,
                                std::optional<std::uint64_t> power_uw) {
    Consumer who;
    who.kind = kind;
    who.key = std::move(key);
    who.name = name;
    who.pid = pid;
    who.exe = kind == ConsumerKind::vm ? "qemu-system-x86" : name;
    who.cmdline = kind == ConsumerKind::vm ? "/usr/bin/qemu-system-x86_64-nameguest=" + name
                                           : "/usr/bin/" + name + "--run";
    who.title = kind == ConsumerKind::vm ? "The " + name + " machine" : "";
    who.enrolled = kind == ConsumerKind::vm;
    ConsumerAccount account;
    account.consumer = std::make_shared<const Consumer>(std::move(who));
    account.total_uj = std::move(total_uj);
    account.cpu_time = std::chrono::nanoseconds(1'500'000'001);
    account.power_uw = power_uw;
    return account;
}

inline Snapshot empty_snapshot() {
    using namespace std::chrono_literals;
    Snapshot snapshot;
    snapshot.epoch = "5f0c";
    snapshot.sequence = 42;
    snapshot.time = 42s;
    snapshot.wall = std::chrono::system_clock::time_point(1'750'000'002'250ms);
    snapshot.interval = 1s;
    snapshot.measured = 1'000'250'000ns;
    snapshot.source_up = true;
    snapshot.ticks = 43;
    snapshot.ticks_skipped = 1;
    return snapshot;
}

// psys, two packages, core and dram of the first; the VM "db" and one without a known power.
inline Snapshot host_snapshot() {
    Snapshot snapshot = empty_snapshot();
    snapshot.zones = {
        zone("intel-rapl:0", "package-0", ZoneKind::package, 0, 10'000'001, 15'200'000),
        zone("intel-rapl:0:0", "core", ZoneKind::core, 0, 4'000'000, 4'100'000),
        zone("intel-rapl:0:1", "dram", ZoneKind::dram, 0, 1'000'000, 3'300'000),
        zone("intel-rapl:1", "package-1", ZoneKind::package, 1, 5'000'000, 7'000'000),
        zone("intel-rapl:2", "psys", ZoneKind::psys, 0, 30'000'000, 60'000'000),
    };
    snapshot.zones[0].wraps = 2;
    snapshot.zones[3].resets = 1;
    snapshot.zones[0].other_uj = 7;
    snapshot.zones[0].idle_uj = 8;
    snapshot.zones[0].ended_uj = 9;
    snapshot.consumers = {
        consumer(ConsumerKind::vm, "11111111-2222-3333-4444-555555555555", "db", 4242,
                 {1'000'001, 2, 3, 4, 5}, 10'312'500),
        consumer(ConsumerKind::vm, "aaaaaaaa-2222-3333-4444-555555555555", "web", 0,
                 {6, 7, 8, 9, 10}, std::nullopt),
    };
    return snapshot;
}

// One merged package and its dram, two processes.
inline Snapshot guest_snapshot() {
    Snapshot snapshot = empty_snapshot();
    snapshot.zones = {
        zone("intel-rapl:0", "package-0", ZoneKind::package, 0, 2'000'000, 900'000),
        zone("intel-rapl:0:0", "core", ZoneKind::core, 0, 1'500'000, 800'000),
        zone("intel-rapl:0:1", "dram", ZoneKind::dram, 0, 1'000'000, 100'000),
    };
    snapshot.consumers = {
        consumer(ConsumerKind::process, "1:10", "systemd", 1, {1, 1, 1}, 0),
        consumer(ConsumerKind::process, "77:400", "postgres", 77, {1'234'567, 9, 20}, 925'000),
    };
    return snapshot;
}

inline void take_source_down(Snapshot& snapshot, std::string why) {
    snapshot.source_up = false;
    snapshot.source_problem = std::move(why);
}

} // namespace wattvisor::test
