// SPDX-License-Identifier: Apache-2.0
#include "common/export/prometheus_text.hpp"

#include "common/cli/safe_text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace wattvisor {
namespace {

enum class Place { label, help };

// Bytes that may not be copied as they are. In HELP a quote is an ordinary character.
bool is_special(char c, Place place) {
    return static_cast<unsigned char>(c) >= 0x80 || c == '\\' || c == '\n' ||
           (c == '"' && place == Place::label);
}

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighBits = 0x80 * kOnes;

// Not 0 exactly if one of the eight bytes is `c`.
constexpr std::uint64_t finds(std::uint64_t bytes, char c) {
    const std::uint64_t difference = bytes ^ (kOnes * static_cast<unsigned char>(c));
    return (difference - kOnes) & ~difference & kHighBits;
}

// How many bytes from the start may be copied as they are. Command lines are most of a page, so
// eight bytes are looked at together as long as all of them are ordinary.
std::size_t plain_prefix(std::string_view text, Place place) {
    std::size_t plain = 0;
    for (std::uint64_t bytes = 0; text.size() - plain >= sizeof bytes; plain += sizeof bytes) {
        std::memcpy(&bytes, text.data() + plain, sizeof bytes);
        if (((bytes & kHighBits) | finds(bytes, '\\') | finds(bytes, '\n') | finds(bytes, '"')) !=
            0) {
            break;
        }
    }
    while (plain < text.size() && !is_special(text[plain], place)) {
        ++plain;
    }
    return plain;
}

// Appends the first character of the text, escaped; returns how many bytes of it were used.
std::size_t append_special(std::string& out, std::string_view text) {
    switch (text.front()) {
    case '\\':
        out += "\\\\";
        return 1;
    case '\n':
        out += "\\n";
        return 1;
    case '"':
        out += "\\\"";
        return 1;
    default:
        break;
    }
    const std::size_t length = utf8_length(text);
    if (length == 0) {
        out += kReplacementCharacter;
        return 1;
    }
    out += text.substr(0, length);
    return length;
}

void append_escaped(std::string& out, std::string_view text, Place place) {
    while (!text.empty()) {
        const std::size_t plain = plain_prefix(text, place);
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (!text.empty()) {
            text.remove_prefix(append_special(out, text));
        }
    }
}

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
    append_escaped(out_, help_, Place::help);
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
    out_ += name_;
    char separator = '{';
    for (const Label& label : labels) {
        out_ += separator;
        out_ += label.name;
        out_ += "=\"";
        append_escaped(out_, label.value, Place::label);
        out_ += '"';
        separator = ',';
    }
    out_ += labels.empty() ? " " : "} ";
    value.append_to(out_);
    out_ += '\n';
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
