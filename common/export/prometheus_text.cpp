// SPDX-License-Identifier: Apache-2.0
#include "common/export/prometheus_text.hpp"

#include "common/export/exposition_text.hpp"

#include <algorithm>

namespace wattvisor {
namespace {

// Roughly how long a page will be, rather too much than too little: growing the text step by step
// costs several times what writing it does. Memory that is not written to costs nothing.
std::size_t page_size(const Snapshot& snapshot, const MetricOptions& options) {
    constexpr std::size_t kAlways = 16UL * 1024;
    constexpr std::size_t kPerZone = 2048;
    constexpr std::size_t kPerSeries = 192;
    const std::size_t series = 1 + snapshot.zones.size();
    std::size_t size = kAlways + snapshot.zones.size() * kPerZone;
    for (const ConsumerAccount& account : snapshot.consumers) {
        const Consumer& consumer = *account.consumer;
        const std::size_t labels =
            std::min(consumer.cmdline.size(), options.cmdline_limit) + kPerSeries;
        size += consumer.kind == ConsumerKind::process ? labels * series
                                                       : labels + kPerSeries * (series + 3);
    }
    return size;
}

std::string_view type_name(MetricType type) {
    return type == MetricType::counter ? "counter" : "gauge";
}

} // namespace

void PrometheusText::family(std::string_view name, std::string_view help, MetricType type) {
    name_ = name;
    help_ = help;
    type_ = type;
    header_written_ = false;
}

void PrometheusText::write_header() {
    out_ += "# HELP ";
    out_ += name_;
    out_ += ' ';
    append_help_text(out_, help_);
    out_ += "\n# TYPE ";
    out_ += name_;
    out_ += ' ';
    out_ += type_name(type_);
    out_ += '\n';
    header_written_ = true;
}

void PrometheusText::sample(std::span<const Label> labels, const MetricValue& value) {
    if (!header_written_) {
        write_header();
    }
    append_sample(out_, name_, labels, value);
}

std::string render_prometheus(std::span<const Family> families) {
    std::string out;
    PrometheusText sink(out);
    for (const Family& family : families) {
        if (!family.samples.empty()) {
            write_family(family, sink);
        }
    }
    return out;
}

std::string render_prometheus(const Snapshot& snapshot, const MetricOptions& options,
                              const SelfStats& self) {
    std::string out;
    out.reserve(page_size(snapshot, options));
    PrometheusText sink(out);
    write_metrics(snapshot, options, self, sink);
    return out;
}

} // namespace wattvisor
