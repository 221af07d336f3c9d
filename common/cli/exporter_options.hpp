// SPDX-License-Identifier: Apache-2.0
// What each exporter is told, on the command line or in a configuration: plain structs whose
// initial values are the defaults. One alternative of ExporterOptions per exporter.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>

namespace wattvisor {

struct StdoutOptions {
    std::optional<std::chrono::nanoseconds> timeout = std::chrono::seconds(10); // absent: forever
    std::chrono::nanoseconds step = std::chrono::seconds(2);
    unsigned processes = 5;
    bool qemu = false;
    bool with_header = true;

    // How often to measure: a time that is shorter than a step still gets one report.
    [[nodiscard]] std::chrono::nanoseconds interval() const {
        return timeout && *timeout < step ? *timeout : step;
    }
};

struct PrometheusOptions {
    std::string address = "::";
    std::uint16_t port = 8080;
    std::string suffix = "metrics"; // without the slash in front
    bool qemu = false;
    bool containers = false;          // labels of containers, pods and systemd units
    std::size_t cmdline_limit = 4096; // bytes of the cmdline label; 0 leaves the label out
};

using ExporterOptions = std::variant<StdoutOptions, PrometheusOptions>;

} // namespace wattvisor
