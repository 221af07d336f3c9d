// SPDX-License-Identifier: Apache-2.0
// The guest agent put together: the source of energy, this machine's processes, the exporters.
// Without --vm it meters the machine it runs on, as Scaphandre does. Called by main only.
#pragma once

#include "common/cli/cli_options.hpp"
#include "common/cli/exporter_options.hpp"

#include <vector>

namespace wattvisor::guest {

// Runs until a signal, or until the time of the last exporter is over. `powercap_path` is the value
// of SCAPHANDRE_POWERCAP_PATH, null when unset. Returns the exit code: kExitFailure where an
// exporter that ran alone lost a report. Throws StartError.
[[nodiscard]] int run_agent(const GlobalOptions& global, const std::vector<ExporterPlan>& exporters,
                            const char* powercap_path);

} // namespace wattvisor::guest
