// SPDX-License-Identifier: Apache-2.0
// What each exporter is told, on the command line or in a configuration: plain structs whose
// initial values are the defaults. One alternative of ExporterOptions per exporter.
#pragma once

#include "common/base/pattern.hpp"

#include <algorithm>
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
    std::optional<Pattern> regex; // all processes that it finds, instead of the biggest ones
    bool qemu = false;
    bool containers = false;
    bool raw_metrics = false;
    bool with_header = true;

    // How often to measure: a time that is shorter than a step still gets one report.
    [[nodiscard]] std::chrono::nanoseconds interval() const {
        return std::min(step, timeout.value_or(step));
    }
};

struct JsonOptions {
    std::optional<std::chrono::nanoseconds> timeout = std::chrono::seconds(10); // absent: forever
    std::chrono::nanoseconds step = std::chrono::seconds(2);
    std::filesystem::path file; // empty: standard output
    unsigned max_top_consumers = 10;
    // All that they find, instead of the biggest ones. The process' one goes before.
    std::optional<Pattern> process_regex;
    std::optional<Pattern> container_regex;
    bool containers = false;
    bool resources = false;

    // As of StdoutOptions.
    [[nodiscard]] std::chrono::nanoseconds interval() const {
        return std::min(step, timeout.value_or(step));
    }
};

struct PrometheusOptions {
    std::string address = "::";
    std::uint16_t port = 8080;
    std::string suffix = "metrics"; // without the slash in front
    bool qemu = false;
    bool containers = false;          // labels of containers, pods and systemd units
    std::size_t cmdline_limit = 4096; // bytes of the cmdline label; 0 leaves the label out
    // TLS and passwords, in the format of Prometheus' exporter toolkit; empty: neither.
    std::filesystem::path web_config_file;
};

enum class HttpScheme { http, https };

struct PrometheusPushOptions {
    std::string host = "localhost";
    std::uint16_t port = 9091;
    std::string suffix = "metrics"; // without the slash in front
    HttpScheme scheme = HttpScheme::http;
    std::chrono::nanoseconds step = std::chrono::seconds(30);
    std::string job = "scaphandre";
    bool qemu = false;
    bool containers = false;
    bool tls_check = true;
};

struct Warp10Options {
    std::string host = "localhost";
    std::uint16_t port = 8080;
    HttpScheme scheme = HttpScheme::http;
    std::chrono::nanoseconds step = std::chrono::seconds(30);
    std::string write_token; // empty: that of SCAPH_WARP10_WRITE_TOKEN
    bool qemu = false;
};

struct RiemannOptions {
    std::string address = "localhost";
    std::uint16_t port = 5555;
    std::chrono::nanoseconds step = std::chrono::seconds(5);
    bool qemu = false;
    bool containers = false;
    bool mtls = false; // with all of these files, in the PEM format
    std::string ca;
    std::string cert;
    std::string key;
};

using ExporterOptions = std::variant<StdoutOptions, JsonOptions, PrometheusOptions,
                                     PrometheusPushOptions, Warp10Options, RiemannOptions>;

// Which consumers an exporter tells of. What it leaves out stays in the totals of zones and host.
struct ConsumerFilter {
    std::optional<Pattern> process;   // found in the name, the executable or the command line
    std::optional<Pattern> container; // found in its name, or its id where it has no name
    bool vms_only = false;
    std::optional<unsigned> top; // so many of the biggest

    friend bool operator==(const ConsumerFilter&, const ConsumerFilter&) = default;
};

// An exporter beside others, as a configuration lists it.
struct ExporterPlan {
    ExporterOptions exporter;
    // Time between two snapshots that it is given; absent: its step, or every tick.
    std::optional<std::chrono::nanoseconds> interval;
    ConsumerFilter filter;
};

} // namespace wattvisor
