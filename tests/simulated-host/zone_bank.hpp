// SPDX-License-Identifier: Apache-2.0
// The energy counters of the simulated host: what each zone really used, and what its counter shows
// of it, which wraps, resets, stands still, jumps, vanishes or cannot be read as the scenario
// wants. Faults change what is shown and never what was used. Knows no file and no clock.
#pragma once

#include "tests/simulated-host/exact_energy.hpp"
#include "tests/simulated-host/scenario.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wattvisor::simulated {

enum class ZoneRole { package, core, uncore, dram, psys, mmio };

struct BankZone {
    BankZone(std::string folder_name, std::string zone_name, ZoneRole zone_role,
             std::optional<unsigned> on_socket, ZoneSpec zone_spec);

    std::string folder; // "intel-rapl:0:1"
    std::string name;   // "dram"
    ZoneRole role = ZoneRole::package;
    std::optional<unsigned> socket; // none: the whole machine
    ZoneSpec spec;
    Energy total; // used since the scenario began

    // What a reader meets.
    bool is_present = true;
    bool is_readable = true;
    std::optional<std::string> garbage; // in place of the number
    std::uint64_t wraps = 0;            // that the counter made by itself

    [[nodiscard]] std::uint64_t shown_uj() const;

private:
    friend class ZoneBank;
    std::uint64_t base_ = 0; // the counter shows base + total, modulo its range
    std::optional<std::uint64_t> frozen_uj_;
    void show(std::uint64_t value); // from now on
    [[nodiscard]] std::uint64_t values() const { return spec.range_uj + 1; }
    [[nodiscard]] std::uint64_t live_uj() const { return (base_ + total.uj()) % values(); }
};

class ZoneBank {
public:
    ZoneBank(const HostSpec& host, const PowerSpec& power);

    // A step of `time` nanoseconds in which each socket's CPUs worked `busy`. Returns what each
    // zone used, in their order.
    const std::vector<Energy>& charge(std::uint64_t time, std::span<const std::uint64_t> busy);

    // A counter_… event or a suspend; `target` empty means all zones. False: no such zone.
    bool apply(const Event& event);
    // The event's `lasts` is over.
    void revert(const Event& event);

    [[nodiscard]] const std::vector<BankZone>& zones() const { return zones_; }

private:
    void add_socket(unsigned socket, const PowerSpec& power);

    std::vector<BankZone> zones_;
    std::vector<Energy> used_; // in the last step
};

} // namespace wattvisor::simulated
