// SPDX-License-Identifier: Apache-2.0
// Reads a scenario file. Every mistake is told at once, with its line and column, also what only
// the whole shows: a socket that the host has not, an event for a zone that is not there. Pure
// function of text; any thread. The format: docs/reference/simulated-host.md.
#pragma once

#include "common/config/yaml_reader.hpp"
#include "tests/simulated-host/scenario.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor::simulated {

struct ScenarioReading {
    Scenario scenario;
    std::vector<ConfigProblem> problems; // none: the scenario is sound
};

// `file` only names the text in problems.
[[nodiscard]] ScenarioReading read_scenario(std::string_view text, std::string file);

// Throws a StartError that lists the problems.
[[nodiscard]] Scenario load_scenario(const std::filesystem::path& file);

} // namespace wattvisor::simulated
