// SPDX-License-Identifier: Apache-2.0
#include "common/export/exposition_text.hpp"

#include "common/cli/safe_text.hpp"

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
    const Utf8Character character = first_character(text);
    out += character.text;
    return character.bytes;
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

} // namespace

void append_quoted_text(std::string& out, std::string_view text) {
    append_escaped(out, text, Place::label);
}

void append_help_text(std::string& out, std::string_view text) {
    append_escaped(out, text, Place::help);
}

void ExpositionText::family(std::string_view name, std::string_view help, MetricType type) {
    name_ = name;
    help_ = help;
    type_ = type;
    header_written_ = false;
}

// NAME{LABEL="VALUE",...} VALUE and a line feed.
void ExpositionText::sample(std::span<const Label> labels, const MetricValue& value) {
    if (!header_written_) {
        write_header(name_, help_, type_);
        header_written_ = true;
    }
    out_ += name_;
    char separator = '{';
    for (const Label& label : labels) {
        out_ += separator;
        out_ += label.name;
        out_ += "=\"";
        append_quoted_text(out_, label.value);
        out_ += '"';
        separator = ',';
    }
    out_ += labels.empty() ? " " : "} ";
    value.append_to(out_);
    out_ += '\n';
}

} // namespace wattvisor
