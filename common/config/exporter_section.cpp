// SPDX-License-Identifier: Apache-2.0
// To add an exporter: a function that reads its options, and its name in kExporterTypes.
#include "common/config/exporter_section.hpp"

#include "common/cli/page_path.hpp"
#include "common/config/agent_keys.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace wattvisor {

namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kLongestTimeout = std::chrono::hours(24 * 366);
constexpr std::int64_t kMostListed = 10'000;
// The kernel's limit for arguments and environment together, of a usual stack of 8 MiB.
constexpr std::int64_t kLongestCmdline = 2 << 20;

// What is taken already: "port 8080 of ::", "standard output", "the file /x".
class Places {
public:
    void take(YamlSection& section, std::string_view key, const std::string& place) {
        if (std::ranges::find(taken_, place) != taken_.end()) {
            section.add_problem(key, place + " is taken by an exporter above");
        }
        taken_.push_back(place);
    }

private:
    std::vector<std::string> taken_;
};

struct Reader {
    YamlSection& section;
    const ExporterDefaults& defaults;
    Places& places;
};

void read_count(YamlSection& section, std::string_view key, unsigned& value) {
    std::int64_t number = value;
    section.read(key, number, 0, kMostListed);
    value = static_cast<unsigned>(number);
}

void read_pattern(YamlSection& section, std::string_view key, std::optional<Pattern>& pattern) {
    std::string text;
    section.read(key, text);
    if (text.empty()) {
        return;
    }
    auto parsed = Pattern::parse(text);
    if (!parsed) {
        section.add_problem(key, std::string(key) + ": " + parsed.error().message());
        return;
    }
    pattern = std::move(*parsed);
}

// In a configuration for ever is meant unless a time is given; 0 is for ever too.
void read_timeout(YamlSection& section, std::optional<nanoseconds>& timeout) {
    nanoseconds time{0};
    section.read("timeout", time, nanoseconds(0), kLongestTimeout);
    timeout = time == nanoseconds(0) ? std::nullopt : std::optional(time);
}

// `step` is what these exporters call their interval.
void read_step(const Reader& reader, nanoseconds& step) {
    step = std::max(step, reader.defaults.tick);
    reader.section.read("step", step, reader.defaults.tick, kLongestTick);
    if (reader.section.has("step") && reader.section.has("interval")) {
        reader.section.add_problem("step", "step and interval are the same: keep one of them");
    }
}

void read_suffix(YamlSection& section, std::string& suffix) {
    section.read("suffix", suffix);
    auto path = page_path(suffix);
    if (!path) {
        section.add_problem("suffix", "suffix must be the path of a URL such as metrics, made of "
                                      "letters, digits and / . _ ~ -");
        return;
    }
    suffix = std::move(*path);
}

void read_port(YamlSection& section, std::uint16_t& port) {
    std::int64_t number = port;
    section.read("port", number, 1, 65535);
    port = static_cast<std::uint16_t>(number);
}

ExporterOptions read_prometheus(const Reader& reader) {
    YamlSection& section = reader.section;
    PrometheusOptions options;
    options.qemu = reader.defaults.qemu;
    section.read("address", options.address);
    boost::system::error_code no_address;
    boost::asio::ip::make_address(options.address, no_address);
    if (no_address) {
        section.add_problem("address", "address must be an IP address such as \"::\", 0.0.0.0 or "
                                       "127.0.0.1, not a name");
    }
    read_port(section, options.port);
    read_suffix(section, options.suffix);
    section.read("qemu", options.qemu);
    section.read("containers", options.containers);
    auto cmdline_limit = static_cast<std::int64_t>(options.cmdline_limit);
    section.read("cmdline_limit", cmdline_limit, 0, kLongestCmdline);
    options.cmdline_limit = static_cast<std::size_t>(cmdline_limit);
    section.read_absolute_path("web_config_file", options.web_config_file);
    reader.places.take(section, "port",
                       "port " + std::to_string(options.port) + " of " + options.address);
    return options;
}

ExporterOptions read_stdout(const Reader& reader) {
    YamlSection& section = reader.section;
    StdoutOptions options;
    options.with_header = false; // a journal or another exporter's reader has no use for it
    options.qemu = reader.defaults.qemu;
    read_timeout(section, options.timeout);
    read_step(reader, options.step);
    read_count(section, "processes", options.processes);
    read_pattern(section, "regex", options.regex);
    section.read("qemu", options.qemu);
    section.read("containers", options.containers);
    section.read("raw_metrics", options.raw_metrics);
    reader.places.take(section, "type", "standard output");
    return options;
}

ExporterOptions read_json(const Reader& reader) {
    YamlSection& section = reader.section;
    JsonOptions options;
    read_timeout(section, options.timeout);
    read_step(reader, options.step);
    if (section.has("file")) {
        section.read_absolute_path("file", options.file);
        if (!options.file.empty()) {
            reader.places.take(section, "file",
                               "the file " + options.file.lexically_normal().string());
        }
    } else {
        reader.places.take(section, "type", "standard output");
    }
    read_count(section, "max_top_consumers", options.max_top_consumers);
    section.read("containers", options.containers);
    read_pattern(section, "process_regex", options.process_regex);
    read_pattern(section, "container_regex", options.container_regex);
    if (options.container_regex && !options.containers) {
        section.add_problem("container_regex", "container_regex needs containers: true");
    }
    section.read("resources", options.resources);
    bool qemu = true; // VMs always have their name here; the option is accepted as it is there
    section.read("qemu", qemu);
    return options;
}

void read_scheme(YamlSection& section, HttpScheme& scheme) {
    constexpr std::array kSchemes{YamlChoice<HttpScheme>{"http", HttpScheme::http},
                                  YamlChoice<HttpScheme>{"https", HttpScheme::https}};
    section.read_choice("scheme", scheme, std::span(kSchemes));
}

void read_host(YamlSection& section, std::string_view key, std::string& host) {
    section.read(key, host);
    if (host.empty()) {
        section.add_problem(key, std::string(key) + " must be a name or an IP address");
    }
}

ExporterOptions read_prometheus_push(const Reader& reader) {
    YamlSection& section = reader.section;
    PrometheusPushOptions options;
    options.qemu = reader.defaults.qemu;
    read_host(section, "host", options.host);
    read_port(section, options.port);
    read_suffix(section, options.suffix);
    read_scheme(section, options.scheme);
    read_step(reader, options.step);
    section.read("job", options.job);
    section.read("qemu", options.qemu);
    section.read("containers", options.containers);
    section.read("tls_check", options.tls_check);
    return options;
}

ExporterOptions read_warp10(const Reader& reader) {
    YamlSection& section = reader.section;
    Warp10Options options;
    options.qemu = reader.defaults.qemu;
    read_host(section, "host", options.host);
    read_port(section, options.port);
    read_scheme(section, options.scheme);
    read_step(reader, options.step);
    section.read("write_token", options.write_token);
    section.read("qemu", options.qemu);
    return options;
}

ExporterOptions read_riemann(const Reader& reader) {
    YamlSection& section = reader.section;
    RiemannOptions options;
    options.qemu = reader.defaults.qemu;
    read_host(section, "address", options.address);
    read_port(section, options.port);
    read_step(reader, options.step);
    section.read("qemu", options.qemu);
    section.read("containers", options.containers);
    section.read("mtls", options.mtls);
    section.read("ca", options.ca);
    section.read("cert", options.cert);
    section.read("key", options.key);
    const bool has_all = !options.ca.empty() && !options.cert.empty() && !options.key.empty();
    const bool has_any = !options.ca.empty() || !options.cert.empty() || !options.key.empty();
    if (options.mtls ? !has_all : has_any) {
        section.add_problem("mtls", "mtls: true needs ca, cert and key, and these need mtls: true");
    }
    return options;
}

constexpr std::array kExporterTypes{
    YamlChoice<ExporterOptions (*)(const Reader&)>{"stdout", read_stdout},
    YamlChoice<ExporterOptions (*)(const Reader&)>{"json", read_json},
    YamlChoice<ExporterOptions (*)(const Reader&)>{"prometheus", read_prometheus},
    YamlChoice<ExporterOptions (*)(const Reader&)>{"prometheus-push", read_prometheus_push},
    YamlChoice<ExporterOptions (*)(const Reader&)>{"riemann", read_riemann},
    YamlChoice<ExporterOptions (*)(const Reader&)>{"warp10", read_warp10},
    YamlChoice<ExporterOptions (*)(const Reader&)>{"warpten", read_warp10},
};

ConsumerFilter read_filter(YamlSection section) {
    ConsumerFilter filter;
    read_pattern(section, "process", filter.process);
    read_pattern(section, "container", filter.container);
    section.read("vms_only", filter.vms_only);
    if (section.has("top")) {
        filter.top = 0;
        read_count(section, "top", *filter.top);
    }
    return filter;
}

std::optional<nanoseconds> read_interval(const Reader& reader) {
    if (!reader.section.has("interval")) {
        return std::nullopt;
    }
    nanoseconds interval = reader.defaults.tick;
    reader.section.read("interval", interval, reader.defaults.tick, kLongestTick);
    return interval;
}

} // namespace

std::vector<ExporterPlan> read_exporters(YamlSection& root, const ExporterDefaults& defaults) {
    std::vector<ExporterPlan> plans;
    Places places;
    for (YamlSection& section : root.list("exporters")) {
        ExporterOptions (*read_options)(const Reader&) = nullptr;
        section.require("type", "type: prometheus");
        if (!section.read_choice("type", read_options, std::span(kExporterTypes))) {
            section.ignore_other_keys(); // which ones are right depends on the type
            continue;
        }
        const Reader reader{section, defaults, places};
        const auto interval = read_interval(reader);
        plans.push_back({read_options(reader), interval, read_filter(section.section("filter"))});
    }
    return plans;
}

} // namespace wattvisor
