// SPDX-License-Identifier: Apache-2.0
// The guest agent put together: the source of energy, this machine's processes, one exporter.
// Without --vm it meters the machine it runs on, as Scaphandre does. Called by main only.
#pragma once

#include "common/cli/cli_options.hpp"
#include "common/cli/exporter_options.hpp"

namespace wattvisor::guest {

// Runs until a signal, or until the exporter's time is over. `powercap_path` is the value of
// SCAPHANDRE_POWERCAP_PATH, null when unset. Throws StartError.
void run_agent(const GlobalOptions& global, const ExporterOptions& exporter,
               const char* powercap_path);

} // namespace wattvisor::guest
