// SPDX-License-Identifier: Apache-2.0
// The command line of the simulated host. Read once, before anything is made; every mistake is said
// with the option it is in. Never touches a file.
#pragma once

#include "common/base/error.hpp"
#include "tests/simulated-host/scenario.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>

namespace wattvisor::simulated {

struct Options {
    std::filesystem::path root;
    std::filesystem::path truth; // empty: no record
    nanoseconds step = std::chrono::milliseconds(50);
    nanoseconds duration{0}; // 0: until a signal, or as the scenario says
    bool cleanup = false;
    // With a scenario:
    std::filesystem::path scenario;
    bool fast = false;
    bool check = false;
    // Without:
    unsigned sockets = 1;
    PowerSpec power;
};

struct OptionsReading {
    Options options;
    std::optional<int> exit_code; // set: nothing to run, e.g. after --help
};

[[nodiscard]] OptionsReading read_options(int argc, const char* const* argv);

// Reads "core=0.6,uncore=0.1,dram=0.15", each with its part of the package's power, into `power`,
// whose package is known.
[[nodiscard]] Result<bool> parse_subzones(std::string_view text, PowerSpec& power);

// Watts as typed, to whole microwatts; from 0 to 10,000 W.
[[nodiscard]] Result<std::uint64_t> to_microwatts(double watts);

} // namespace wattvisor::simulated
