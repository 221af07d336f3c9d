// SPDX-License-Identifier: Apache-2.0
#include "common/cli/safe_text.hpp"

#include <algorithm>
#include <cstdint>

namespace wattvisor {
namespace {

constexpr std::string_view kEllipsis = "\xE2\x80\xA6";

unsigned byte_at(std::string_view text, std::size_t index) {
    return static_cast<unsigned char>(text[index]);
}

bool is_continuation(unsigned byte) {
    return (byte & 0xC0U) == 0x80U;
}

struct Lead {
    std::size_t length = 0; // of the character; 0: no character begins so
    unsigned lowest = 0x80; // what the second byte may be
    unsigned highest = 0xBF;
};

Lead lead_of(unsigned byte) {
    if (byte < 0x80) {
        return {1};
    }
    if (byte >= 0xC2 && byte <= 0xDF) {
        return {2};
    }
    if (byte >= 0xE0 && byte <= 0xEF) {
        return {3, byte == 0xE0 ? 0xA0U : 0x80U, byte == 0xED ? 0x9FU : 0xBFU};
    }
    if (byte >= 0xF0 && byte <= 0xF4) {
        return {4, byte == 0xF0 ? 0x90U : 0x80U, byte == 0xF4 ? 0x8FU : 0xBFU};
    }
    return {};
}

std::uint32_t code_point(std::string_view character) {
    constexpr unsigned kLeadMask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    std::uint32_t value = byte_at(character, 0) & kLeadMask[character.size()];
    for (std::size_t i = 1; i < character.size(); ++i) {
        value = (value << 6U) | (byte_at(character, i) & 0x3FU);
    }
    return value;
}

// C0 and C1 controls (U+009B begins a terminal escape just as ESC [ does), line separators, and
// the marks that make text read in another order than it is written.
bool is_unsafe(std::uint32_t point) {
    return point < 0x20 || (point >= 0x7F && point <= 0x9F) || point == 0x061C || point == 0x200E ||
           point == 0x200F || (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2066 && point <= 0x2069) || point == 0xFEFF;
}

void append_hex(std::string& out, std::uint32_t value, unsigned digits) {
    constexpr std::string_view kHex = "0123456789abcdef";
    for (unsigned i = digits; i > 0; --i) {
        out += kHex[(value >> (4 * (i - 1))) & 0xFU];
    }
}

// Appends the first character or stray byte of the text; returns how many bytes that were.
std::size_t append_one(std::string& out, std::string_view text) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
        out += "\\x";
        append_hex(out, byte_at(text, 0), 2);
        return 1;
    }
    const std::string_view character = text.substr(0, length);
    const std::uint32_t point = code_point(character);
    if (!is_unsafe(point)) {
        out += character;
    } else if (point < 0x80) {
        out += "\\x";
        append_hex(out, point, 2);
    } else {
        out += "\\u";
        append_hex(out, point, 4);
    }
    return length;
}

std::size_t count_characters(std::string_view printable_text) {
    return static_cast<std::size_t>(
        std::count_if(printable_text.begin(), printable_text.end(), [](char byte) {
            return !is_continuation(static_cast<unsigned char>(byte));
        }));
}

} // namespace

std::size_t utf8_length(std::string_view text) {
    if (text.empty()) {
        return 0;
    }
    const Lead lead = lead_of(byte_at(text, 0));
    if (lead.length <= 1) {
        return lead.length;
    }
    if (text.size() < lead.length || byte_at(text, 1) < lead.lowest ||
        byte_at(text, 1) > lead.highest) {
        return 0;
    }
    for (std::size_t i = 2; i < lead.length; ++i) {
        if (!is_continuation(byte_at(text, i))) {
            return 0;
        }
    }
    return lead.length;
}

Utf8Character first_character(std::string_view text) {
    const std::size_t length = utf8_length(text);
    return length == 0 ? Utf8Character{kReplacementCharacter, 1}
                       : Utf8Character{text.substr(0, length), length};
}

std::string valid_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Utf8Character character = first_character(text);
        out += character.text;
        text.remove_prefix(character.bytes);
    }
    return out;
}

std::string_view cut_utf8(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) {
        return text;
    }
    // A character has at most three continuation bytes; more of them are no UTF-8 anyway.
    std::size_t end = limit;
    for (int i = 0; i < 3 && end > 0 && is_continuation(byte_at(text, end)); ++i) {
        --end;
    }
    if (end < limit && utf8_length(text.substr(end)) == 0) {
        end = limit;
    }
    return text.substr(0, end);
}

void append_printable(std::string& out, std::string_view text) {
    while (!text.empty()) {
        text.remove_prefix(append_one(out, text));
    }
}

std::string printable(std::string_view text, std::size_t columns) {
    std::string out;
    std::size_t used = 0;
    std::size_t cut_at = 0; // where the text ends that leaves room for the ellipsis
    while (!text.empty()) {
        const std::size_t before = out.size();
        text.remove_prefix(append_one(out, text));
        used += count_characters(std::string_view(out).substr(before));
        if (used > columns) {
            out.resize(cut_at);
            out += kEllipsis;
            return out;
        }
        if (used < columns) {
            cut_at = out.size();
        }
    }
    return out;
}

} // namespace wattvisor
