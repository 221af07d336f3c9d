// SPDX-License-Identifier: Apache-2.0
// The two things that the program does. Both run until a signal or the end of their duration, and
// throw a StartError for what they cannot do.
#pragma once

#include "tests/simulated-host/options.hpp"

namespace wattvisor::simulated {

// A powercap tree that moves with this machine's real CPU load.
void run_with_real_load(const Options& options);
// All files of a host that is described in a file.
void run_scenario(const Options& options);

} // namespace wattvisor::simulated
