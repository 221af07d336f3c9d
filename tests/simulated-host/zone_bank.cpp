// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/zone_bank.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace wattvisor::simulated {

namespace {

Energy used_by(const ZoneSpec& spec, std::uint64_t time, std::uint64_t busy) {
    return Energy(static_cast<Wide>(spec.idle_uw) * time +
                  static_cast<Wide>(spec.per_cpu_uw) * busy);
}

void apply_to(BankZone& zone, const Event& event, auto show, auto freeze) {
    const auto value = static_cast<std::uint64_t>(event.value);
    const std::uint64_t values = zone.spec.range_uj + 1;
    switch (event.kind) {
    case EventKind::counter_reset:
    case EventKind::suspend:
        show(value % values);
        break;
    case EventKind::counter_jump:
        // A negative value wraps around in 64 bits; taken apart, it goes back within the range.
        show(event.value >= 0 ? (zone.shown_uj() + value % values) % values
                              : (zone.shown_uj() + values - (0 - value) % values) % values);
        break;
    case EventKind::counter_freeze:
    case EventKind::counter_lose:
        freeze();
        break;
    case EventKind::counter_vanish:
        zone.is_present = false;
        break;
    case EventKind::counter_unreadable:
        zone.is_readable = false;
        break;
    case EventKind::counter_garbage:
        zone.garbage = event.text;
        break;
    default:
        break;
    }
}

} // namespace

BankZone::BankZone(std::string folder_name, std::string zone_name, ZoneRole zone_role,
                   std::optional<unsigned> on_socket, ZoneSpec zone_spec)
    : folder(std::move(folder_name)), name(std::move(zone_name)), role(zone_role),
      socket(on_socket), spec(zone_spec), base_(spec.start_uj % values()) {}

std::uint64_t BankZone::shown_uj() const {
    return frozen_uj_.value_or(live_uj());
}

void BankZone::show(std::uint64_t value) {
    base_ = (value + values() - total.uj() % values()) % values();
    frozen_uj_.reset();
}

void ZoneBank::add_socket(unsigned socket, const PowerSpec& power) {
    const std::string folder = fmt::format("intel-rapl:{}", socket);
    zones_.emplace_back(folder, fmt::format("package-{}", socket), ZoneRole::package, socket,
                        power.package);
    const std::array<std::pair<ZoneRole, const std::optional<ZoneSpec>*>, 3> subzones{
        {{ZoneRole::core, &power.core},
         {ZoneRole::uncore, &power.uncore},
         {ZoneRole::dram, &power.dram}}};
    constexpr std::array kNames{"core", "uncore", "dram"};
    unsigned child = 0;
    for (std::size_t i = 0; i < subzones.size(); ++i) {
        const auto& [role, spec] = subzones[i];
        if (*spec) {
            zones_.emplace_back(fmt::format("{}:{}", folder, child++), kNames[i], role, socket,
                                **spec);
        }
    }
}

ZoneBank::ZoneBank(const HostSpec& host, const PowerSpec& power) {
    for (unsigned socket = 0; socket < host.sockets; ++socket) {
        add_socket(socket, power);
    }
    if (power.psys) {
        zones_.emplace_back(fmt::format("intel-rapl:{}", host.sockets), "psys", ZoneRole::psys,
                            std::nullopt, *power.psys);
    }
    for (unsigned socket = 0; power.mmio && socket < host.sockets; ++socket) {
        ZoneSpec spec = power.package;
        spec.range_uj = power.mmio->range_uj;
        spec.start_uj = power.mmio->start_uj;
        zones_.emplace_back(fmt::format("intel-rapl-mmio:{}", socket),
                            fmt::format("package-{}", socket), ZoneRole::mmio, socket, spec);
    }
    used_.resize(zones_.size());
}

const std::vector<Energy>& ZoneBank::charge(std::uint64_t time,
                                            std::span<const std::uint64_t> busy) {
    Energy side_by_side; // packages and drams; psys comes behind them
    for (std::size_t i = 0; i < zones_.size(); ++i) {
        BankZone& zone = zones_[i];
        used_[i] = used_by(zone.spec, time, zone.socket ? busy[*zone.socket] : 0);
        if (zone.role == ZoneRole::package || zone.role == ZoneRole::dram) {
            side_by_side += used_[i];
        }
        if (zone.role == ZoneRole::psys) {
            used_[i] += side_by_side;
        }
        const std::uint64_t laps = (zone.base_ + zone.total.uj()) / zone.values();
        zone.total += used_[i];
        zone.wraps += (zone.base_ + zone.total.uj()) / zone.values() - laps;
    }
    return used_;
}

bool ZoneBank::apply(const Event& event) {
    bool found = false;
    for (BankZone& zone : zones_) {
        if (event.target.empty() || zone.folder == event.target) {
            found = true;
            apply_to(
                zone, event, [&zone](std::uint64_t value) { zone.show(value); },
                [&zone] { zone.frozen_uj_ = zone.shown_uj(); });
        }
    }
    return found;
}

void ZoneBank::revert(const Event& event) {
    for (BankZone& zone : zones_) {
        if (!event.target.empty() && zone.folder != event.target) {
            continue;
        }
        if (event.kind == EventKind::counter_lose && zone.frozen_uj_) {
            zone.show(*zone.frozen_uj_);
        }
        zone.frozen_uj_ = event.kind == EventKind::counter_freeze ? std::nullopt : zone.frozen_uj_;
        zone.is_present = zone.is_present || event.kind == EventKind::counter_vanish;
        zone.is_readable = zone.is_readable || event.kind == EventKind::counter_unreadable;
        if (event.kind == EventKind::counter_garbage) {
            zone.garbage.reset();
        }
    }
}

} // namespace wattvisor::simulated
