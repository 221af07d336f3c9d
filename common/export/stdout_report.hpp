// SPDX-License-Identifier: Apache-2.0
// The report on the terminal, in Scaphandre's layout: host, sockets with their domains, and the
// biggest consumers, at most 80 columns wide. Pure: a snapshot in, text out; the caller prints it.
// What is not known is a sentence, never 0 W; and no name can reach the terminal as an escape.
#pragma once

#include "common/accounting/snapshot.hpp"
#include "common/base/pattern.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace wattvisor {

struct StdoutReportOptions {
    unsigned consumers = 5;         // how many of the biggest to show
    std::optional<Pattern> regex{}; // all processes that it finds instead
    bool qemu = false;              // name the virtual machine beside its QEMU process
    bool containers = false;        // and the container beside a process that runs in one
    bool colour = false;            // only where stdout is a terminal
};

// What stands above the first report, unless --no-header.
[[nodiscard]] std::string stdout_header(std::chrono::nanoseconds step, bool colour);

[[nodiscard]] std::string render_stdout_report(const Snapshot& snapshot,
                                               const StdoutReportOptions& options);

} // namespace wattvisor
