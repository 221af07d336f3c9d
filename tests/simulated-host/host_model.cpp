// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/host_model.hpp"

#include "common/base/text_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace wattvisor::simulated {

namespace {

constexpr double kMicrosPerUnit = 1e6;
constexpr double kMostWatts = 10'000;
constexpr std::array<std::string_view, 3> kSubzoneNames{"core", "uncore", "dram"};

Error bad_subzone(std::string_view part) {
    return Error{Severity::fatal, "not a subzone with its part of the package's energy",
                 "'" + std::string(part) + "'",
                 "Write core, uncore or dram and a number from 0 to 1: core=0.6,dram=0.15"};
}

Result<Subzone> parse_subzone(std::string_view part) {
    const std::size_t equals = part.find('=');
    const std::string_view name = part.substr(0, equals);
    const std::string_view number =
        equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    double fraction = -1;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), fraction);
    const bool known =
        std::find(kSubzoneNames.begin(), kSubzoneNames.end(), name) != kSubzoneNames.end();
    if (!known || error != std::errc{} || end != number.data() + number.size() ||
        !(fraction >= 0 && fraction <= 1)) {
        return bad_subzone(part);
    }
    return Subzone{std::string(name),
                   static_cast<std::uint64_t>(std::llround(fraction * kMicrosPerUnit))};
}

} // namespace

Result<std::vector<Subzone>> parse_subzones(std::string_view text) {
    std::vector<Subzone> subzones;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find(','));
        auto subzone = parse_subzone(part);
        if (!subzone) {
            return subzone.error();
        }
        subzones.push_back(std::move(*subzone));
        if (part.size() + 1 == text.size()) {
            return bad_subzone(text); // ends with a comma
        }
        text.remove_prefix(std::min(part.size() + 1, text.size()));
    }
    return subzones;
}

Result<std::uint64_t> to_microwatts(double watts) {
    if (!(watts >= 0 && watts <= kMostWatts)) {
        return Error{Severity::fatal, "must be from 0 to 10000 W", fmt::format("{} W", watts), {}};
    }
    return static_cast<std::uint64_t>(std::llround(watts * kMicrosPerUnit));
}

HostModel::HostModel(HostSettings settings)
    : settings_(std::move(settings)), packages_(settings_.sockets) {
    for (unsigned socket = 0; socket < settings_.sockets; ++socket) {
        const std::string folder = fmt::format("intel-rapl:{}", socket);
        zones_.push_back({folder, fmt::format("package-{}", socket), 0, {}});
        for (std::size_t child = 0; child < settings_.subzones.size(); ++child) {
            zones_.push_back(
                {fmt::format("{}:{}", folder, child), settings_.subzones[child].name, 0, {}});
        }
    }
    if (settings_.psys_uw) {
        zones_.push_back({fmt::format("intel-rapl:{}", settings_.sockets), "psys", 0, {}});
    }
    update_zones();
}

void HostModel::step(std::chrono::nanoseconds time,
                     std::span<const std::chrono::nanoseconds> busy) {
    for (std::size_t socket = 0; socket < packages_.size(); ++socket) {
        packages_[socket].add(settings_.idle_uw, time);
        if (socket < busy.size()) {
            packages_[socket].add(settings_.per_cpu_uw, busy[socket]);
        }
    }
    platform_.add(settings_.psys_uw.value_or(0), time);
    update_zones();
}

void HostModel::update_zones() {
    std::uint64_t platform_uj = platform_.total_uj();
    auto zone = zones_.begin();
    for (const EnergyMeter& package : packages_) {
        zone++->total_uj = package.total_uj();
        platform_uj += package.total_uj();
        for (const Subzone& subzone : settings_.subzones) {
            zone->total_uj = fraction_of(package.total_uj(), subzone.millionths);
            // core and uncore are inside the package; dram has energy of its own.
            platform_uj += subzone.name == "dram" ? zone->total_uj : 0;
            ++zone;
        }
    }
    if (zone != zones_.end()) {
        zone->total_uj = platform_uj;
    }
    for (SimulatedZone& each : zones_) {
        each.counter = show_counter(each.total_uj, settings_.start_uj, settings_.range_uj);
    }
}

} // namespace wattvisor::simulated
