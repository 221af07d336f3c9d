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
    std::size_t cmdline_limit = 4096; // bytes of the cmdline label; 0 leaves the label out
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
    std::chrono::nanoseconds dispatch = std::chrono::seconds(5);
    bool qemu = false;
    bool containers = false;
    bool mtls = false; // with all of these files, in the PEM format
    std::string ca;
    std::string cert;
    std::string key;
};

using ExporterOptions = std::variant<StdoutOptions, PrometheusOptions, PrometheusPushOptions,
                                     Warp10Options, RiemannOptions>;

} // namespace wattvisor
