// SPDX-License-Identifier: Apache-2.0
// A meter with scripted sources and a clock that stands still until a test moves it. For the tests
// of the meter alone.
#pragma once

#include "common/accounting/meter.hpp"
#include "common/usage/busy_time.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace wattvisor::test {

inline constexpr std::uint64_t kRange = 1'000'000'000'000;

// Says what the test told it to say.
class ScriptedEnergy final : public EnergySource {
public:
    struct Counter {
        Zone zone;
        std::optional<std::uint64_t> uj;
    };

    [[nodiscard]] Result<EnergySample> read(std::chrono::nanoseconds now) override {
        if (!failure.empty()) {
            return Error{Severity::transient, failure, "the source", {}};
        }
        EnergySample sample;
        auto zones = std::make_shared<ZoneList>();
        for (const Counter& counter : counters) {
            zones->push_back(counter.zone);
            sample.counters_uj.push_back(
                counter.uj ? Result<std::uint64_t>(*counter.uj)
                           : Error{Severity::transient, "is empty", counter.zone.id, {}});
        }
        if (!is_silent) {
            ++sequence;
            time = now;
        }
        sample.zones = zones;
        sample.epoch = epoch;
        sample.sequence = sequence;
        sample.time = time;
        sample.source_interval = source_interval;
        sample.estimated = estimated;
        sample.moves_always = moves_always;
        return sample;
    }

    std::vector<Counter> counters{
        {{"intel-rapl:0", "package-0", ZoneKind::package, 0, kRange}, 5'000'000}};
    std::string failure;    // not empty: nothing can be read
    bool is_silent = false; // goes on saying what it said last
    std::string epoch = "first";
    std::uint64_t sequence = 0;
    std::chrono::nanoseconds time{0};
    std::chrono::nanoseconds source_interval{0};
    bool estimated = false;
    bool moves_always = false;
};

class ScriptedConsumers final : public ConsumerSource {
public:
    [[nodiscard]] UsageSample collect() override {
        ++collections;
        return next;
    }
    UsageSample next;
    int collections = 0;
};

inline ConsumerPtr consumer(const std::string& key, const std::string& name = "vm",
                            unsigned vcpus = 0) {
    auto made = std::make_shared<Consumer>();
    made->kind = ConsumerKind::vm;
    made->key = key;
    made->name = name;
    made->vcpus = vcpus;
    return made;
}

// Sockets of as many CPUs each.
inline CpuTopologyPtr topology_of(std::vector<unsigned> packages, unsigned cpus) {
    CpuTopology topology;
    topology.cpus.assign(packages.size(), cpus);
    for (std::size_t socket = 0; socket < packages.size(); ++socket) {
        topology.socket_of_cpu.insert(topology.socket_of_cpu.end(), cpus, socket);
    }
    topology.packages = std::move(packages);
    return std::make_shared<const CpuTopology>(std::move(topology));
}

// A meter with both of its sources, and the clock.
class Rig {
public:
    explicit Rig(Residual residual = Residual::idle,
                 std::chrono::nanoseconds keep = std::chrono::hours(1), PolicySettings policy = {})
        : meter({"abc", std::chrono::seconds(1), keep, policy}, Ledger(residual)) {}

    using Times = std::vector<std::pair<ConsumerPtr, std::chrono::nanoseconds>>;
    using TimesPerSocket = std::vector<std::pair<ConsumerPtr, SocketTimes>>;

    // Sets the CPU times that the sources show next.
    void use(const Times& consumers, std::chrono::nanoseconds busy) {
        source.next.consumers.clear();
        for (const auto& [who, cpu_time] : consumers) {
            source.next.consumers.push_back({who, {cpu_time}, {}, {}});
        }
        source.next.busy_time = SocketTimes{busy};
        source.next.busy_error = kBusyTimeError;
    }
    void use_on_sockets(const TimesPerSocket& consumers, const SocketTimes& busy) {
        source.next.consumers.clear();
        for (const auto& [who, cpu_time] : consumers) {
            source.next.consumers.push_back({who, cpu_time, {}, {}});
        }
        source.next.busy_time = busy;
        source.next.busy_error = kBusyTimeError;
    }
    void add_energy(std::uint64_t uj, std::size_t zone = 0) { *energy.counters[zone].uj += uj; }

    SnapshotPtr tick(std::chrono::nanoseconds step = std::chrono::seconds(1)) {
        now.monotonic += step;
        now.boottime += step;
        now.wall += std::chrono::duration_cast<std::chrono::system_clock::duration>(step);
        ++now.ticks;
        return meter.tick(now, energy, source);
    }

    ScriptedEnergy energy;
    ScriptedConsumers source;
    TickTime now{std::chrono::seconds(100),
                 std::chrono::system_clock::time_point(std::chrono::hours(24)), 0, 0,
                 std::chrono::seconds(100)};
    Meter meter;
};

// Every zone's parts are its total, and the meter says so too.
inline void expect_conservation(const Snapshot& snapshot) {
    EXPECT_EQ(snapshot.conservation_error_uj, 0U);
    for (std::size_t i = 0; i < snapshot.zones.size(); ++i) {
        const ZoneAccount& zone = snapshot.zones[i];
        std::uint64_t parts = zone.ended_uj + zone.other_uj + zone.idle_uj;
        for (const ConsumerAccount& each : snapshot.consumers) {
            parts += each.total_uj[i];
        }
        EXPECT_EQ(parts, zone.total_uj) << zone.zone.id;
    }
}

} // namespace wattvisor::test
