// SPDX-License-Identifier: Apache-2.0
// The simulated host as values: which zones it has and how much energy each has used. A step of
// time and work goes in, the zones' totals and counters come out; what is written to files and to
// the record of truth is both taken from here, so the two cannot disagree. Knows no file, no clock.
#pragma once

#include "common/base/error.hpp"
#include "tests/simulated-host/energy_model.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor::simulated {

struct Subzone {
    std::string name;
    std::uint64_t millionths = 0; // of the package's energy

    friend bool operator==(const Subzone&, const Subzone&) = default;
};

// Reads "core=0.6,uncore=0.1,dram=0.15"; an empty text is no subzone.
[[nodiscard]] Result<std::vector<Subzone>> parse_subzones(std::string_view text);

// Watts as typed, to whole microwatts; from 0 to 10,000 W.
[[nodiscard]] Result<std::uint64_t> to_microwatts(double watts);

struct HostSettings {
    unsigned sockets = 1;
    std::uint64_t idle_uw = 20'000'000;    // per socket
    std::uint64_t per_cpu_uw = 10'000'000; // per CPU that is busy
    std::vector<Subzone> subzones;         // of each package; dram is beside it
    std::optional<std::uint64_t> psys_uw;  // the platform beside packages and dram; none: no psys
    std::uint64_t range_uj = 262'143'328'850; // that of many Intel processors
    std::uint64_t start_uj = 0;
};

struct SimulatedZone {
    std::string folder;         // "intel-rapl:0", "intel-rapl:0:1"
    std::string name;           // "package-0", "core", …
    std::uint64_t total_uj = 0; // since the start
    CounterReading counter;
};

class HostModel {
public:
    explicit HostModel(HostSettings settings);

    // Time passed, and what the CPUs of each socket worked in it.
    void step(std::chrono::nanoseconds time, std::span<const std::chrono::nanoseconds> busy);

    // Packages with their subzones behind them, then psys.
    [[nodiscard]] const std::vector<SimulatedZone>& zones() const { return zones_; }
    [[nodiscard]] const HostSettings& settings() const { return settings_; }

private:
    void update_zones();

    HostSettings settings_;
    std::vector<EnergyMeter> packages_;
    EnergyMeter platform_;
    std::vector<SimulatedZone> zones_;
};

} // namespace wattvisor::simulated
