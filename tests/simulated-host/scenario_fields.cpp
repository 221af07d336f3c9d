// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/scenario_fields.hpp"

#include "common/base/text_file.hpp"
#include "common/cli/duration.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <span>
#include <string>

namespace wattvisor::simulated {

namespace {

constexpr std::array kPatterns{YamlChoice<LoadPattern>{"steady", LoadPattern::steady},
                               YamlChoice<LoadPattern>{"bursty", LoadPattern::bursty},
                               YamlChoice<LoadPattern>{"random", LoadPattern::random},
                               YamlChoice<LoadPattern>{"ramp", LoadPattern::ramp}};

void read_phase(YamlSection& section, const Scenario& scenario, LoadPhase& phase) {
    section.read_choice("pattern", phase.pattern, std::span(kPatterns));
    section.require("cpus", "cpus: 0.5");
    read_part(section, "cpus", phase.cpus);
    read_part(section, "low", phase.low);
    read_part(section, "duty", phase.duty);
    section.read("period", phase.period, scenario.quantum, kLongestTime);
    section.read("from", phase.from, nanoseconds(0), kLongestTime);
    section.read("until", phase.until, nanoseconds(0), kLongestTime);
    if (phase.until <= phase.from) {
        section.add_problem("until", "until must be later than from");
    }
    if (phase.pattern == LoadPattern::ramp && phase.until == kForEver) {
        section.add_problem("pattern", "a ramp needs its end, for example until: 30s");
    }
}

} // namespace

std::optional<std::uint64_t> parse_millionths(std::string_view text) {
    constexpr std::size_t kDigits = 6;
    const std::size_t point = text.find('.');
    std::string digits(text.substr(0, point));
    std::string_view decimals;
    if (point != std::string_view::npos) {
        decimals = text.substr(point + 1);
        if (decimals.empty() || decimals.size() > kDigits) {
            return std::nullopt;
        }
    }
    digits += decimals;
    digits.append(kDigits - decimals.size(), '0');
    if (digits.find_first_not_of("0123456789") != std::string::npos || point == 0 || text.empty()) {
        return std::nullopt;
    }
    return parse_number(digits);
}

void read_decimal(YamlSection& section, std::string_view key, std::uint64_t& value,
                  std::uint64_t most) {
    if (!section.has(key)) {
        return;
    }
    std::string text;
    section.read(key, text);
    const auto number = parse_millionths(text);
    if (!number || *number > most * kWhole) {
        section.add_problem(key, fmt::format("{} must be a number from 0 to {}, with at most six "
                                             "digits behind the point, such as 0.25",
                                             key, most));
        return;
    }
    value = *number;
}

void read_part(YamlSection& section, std::string_view key, Millionths& value) {
    std::uint64_t wide = value;
    read_decimal(section, key, wide, 1);
    value = static_cast<Millionths>(wide);
}

void read_count(YamlSection& section, std::string_view key, unsigned& value, unsigned lowest,
                unsigned highest) {
    std::int64_t number = value;
    section.read(key, number, lowest, highest);
    value = static_cast<unsigned>(number);
}

void read_load(YamlSection& section, const Scenario& scenario, Load& load) {
    if (!section.has("load")) {
        return;
    }
    YamlSection group = section.section("load");
    read_part(group, "system", load.system);
    auto seed = static_cast<std::int64_t>(load.seed);
    group.read("seed", seed, 0, std::numeric_limits<std::int64_t>::max());
    load.seed = static_cast<std::uint64_t>(seed);
    load.phases.clear();
    if (!group.has("phases")) {
        read_phase(group, scenario, load.phases.emplace_back());
        return;
    }
    for (YamlSection& phase : group.list("phases")) {
        read_phase(phase, scenario, load.phases.emplace_back());
    }
}

void read_placement(YamlSection& section, const Scenario& scenario, Placement& placement) {
    if (section.has("socket")) {
        unsigned socket = 0;
        read_count(section, "socket", socket, 0, scenario.host.sockets - 1);
        placement.socket = socket;
    }
    section.read("migrate_every", placement.migrate_every, scenario.quantum, kLongestTime);
    if (placement.socket && placement.migrate_every.count() > 0) {
        section.add_problem("migrate_every", "what is on one socket does not migrate: leave out "
                                             "socket or migrate_every");
    }
}

void read_births(YamlSection& section, const Scenario& scenario, nanoseconds& every,
                 nanoseconds& lives) {
    section.read("every", every, scenario.quantum, kLongestTime);
    section.read("lives", lives, scenario.quantum, kLongestTime);
    if ((every.count() > 0) != (lives.count() > 0)) {
        section.add_problem(every.count() > 0 ? "every" : "lives",
                            "every and lives go together: every: 100ms, lives: 30ms");
    }
}

} // namespace wattvisor::simulated
