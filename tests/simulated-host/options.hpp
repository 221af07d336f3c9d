// SPDX-License-Identifier: Apache-2.0
// The command line of the simulated host. Read once, before anything is made; every mistake is said
// with the option it is in. Never touches a file.
#pragma once

#include "tests/simulated-host/host_model.hpp"

#include <chrono>
#include <filesystem>
#include <optional>

namespace wattvisor::simulated {

struct Options {
    std::filesystem::path root;
    std::filesystem::path truth; // empty: no record
    std::chrono::nanoseconds step = std::chrono::milliseconds(50);
    std::chrono::nanoseconds duration{0}; // 0: until a signal
    bool cleanup = false;
    HostSettings host;
};

struct OptionsReading {
    Options options;
    std::optional<int> exit_code; // set: nothing to run, e.g. after --help
};

[[nodiscard]] OptionsReading read_options(int argc, const char* const* argv);

} // namespace wattvisor::simulated
