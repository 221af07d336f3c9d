// SPDX-License-Identifier: Apache-2.0
// A report of the JSON exporter, with the keys that Scaphandre's have and more beside them; see
// docs/reference/json-exporter.md. Pure: a snapshot in, text of one line out. Numbers are numbers;
// what is not known is null, never 0. Hostile text cannot break it: bytes that are no UTF-8 become
// replacement characters.
#pragma once

#include "common/accounting/snapshot.hpp"
#include "common/cli/exporter_options.hpp"
#include "common/machine/host_stats.hpp"

#include <string>

namespace wattvisor {

struct JsonReportOptions {
    ConsumerFilter filter;
    bool containers = false; // the container that a process runs in
    bool resources = false;  // memory, CPU and disk use of each process
    unsigned cpus = 1;       // of this machine, of which cpu_usage is a percentage
};

// Which consumers Scaphandre would list for these options.
[[nodiscard]] ConsumerFilter consumers_of(const JsonOptions& options);

[[nodiscard]] std::string render_json_report(const Snapshot& snapshot, const HostStats& host,
                                             const JsonReportOptions& options);

} // namespace wattvisor
