// SPDX-License-Identifier: Apache-2.0
// The list `exporters` of a configuration, which both agents read: any number of exporters, each
// with its options under the names of the command line, its own interval and its own filter. Pure,
// as all reading of YAML is. What two exporters cannot share (a port, a file, standard output) is a
// problem here, not an error while starting.
#pragma once

#include "common/cli/exporter_options.hpp"
#include "common/config/yaml_reader.hpp"

#include <chrono>
#include <vector>

namespace wattvisor {

struct ExporterDefaults {
    bool qemu = false; // on hypervisors the name of the VM is wanted
    // How often the agent measures: no exporter can be given more.
    std::chrono::nanoseconds tick = std::chrono::seconds(1);
};

// Those that have no problem. An exporter that prints goes on for ever unless it has a `timeout`.
[[nodiscard]] std::vector<ExporterPlan> read_exporters(YamlSection& root,
                                                       const ExporterDefaults& defaults);

} // namespace wattvisor
