// SPDX-License-Identifier: Apache-2.0
// What the parts of a scenario file have in common: decimals, loads, places. Used by the scenario
// reader only; one thread.
#pragma once

#include "common/config/yaml_reader.hpp"
#include "tests/simulated-host/scenario.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace wattvisor::simulated {

// "12.5" as 12,500,000 millionths, exactly; at most six digits behind the point.
[[nodiscard]] std::optional<std::uint64_t> parse_millionths(std::string_view text);

// A decimal number from 0 to `most`, kept in millionths.
void read_decimal(YamlSection& section, std::string_view key, std::uint64_t& value,
                  std::uint64_t most);
void read_part(YamlSection& section, std::string_view key, Millionths& value); // from 0 to 1
void read_count(YamlSection& section, std::string_view key, unsigned& value, unsigned lowest,
                unsigned highest);

// `load: {…}`, with the phases in it.
void read_load(YamlSection& section, const Scenario& scenario, Load& load);
// `socket` and `migrate_every`.
void read_placement(YamlSection& section, const Scenario& scenario, Placement& placement);
// `every` and `lives`.
void read_births(YamlSection& section, const Scenario& scenario, nanoseconds& every,
                 nanoseconds& lives);

void read_vms(YamlSection& root, Scenario& scenario);
void read_processes(YamlSection& root, Scenario& scenario);
void read_events(YamlSection& root, Scenario& scenario);

inline constexpr nanoseconds kLongestTime = std::chrono::hours(24 * 366);

} // namespace wattvisor::simulated
