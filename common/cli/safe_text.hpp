// SPDX-License-Identifier: Apache-2.0
// Makes hostile text safe to show. Names of VMs and processes are chosen by others: they may hold
// terminal escapes, newlines that forge a log line, or bytes that are no UTF-8 at all. Pure
// functions, callable from any thread; they never throw for what the text contains.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace wattvisor {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD"; // U+FFFD

// The bytes (1 to 4) of the well-formed UTF-8 character that the text begins with; 0 where it
// begins with none. After table 3-7 of the Unicode standard: no surrogates, no overlong forms.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

// A character as it may be sent, and how many bytes of a text it stands for.
struct Utf8Character {
    std::string_view text; // U+FFFD where the text begins with no character
    std::size_t bytes = 0;
};
[[nodiscard]] Utf8Character first_character(std::string_view text); // of a text that is not empty

// The text with U+FFFD for what is no UTF-8.
[[nodiscard]] std::string valid_utf8(std::string_view text);

// The longest beginning of at most `limit` bytes that does not end inside a character.
[[nodiscard]] std::string_view cut_utf8(std::string_view text, std::size_t limit);

// Appends the text with control characters, marks that turn the direction of writing, and bytes
// that are no UTF-8 written as \x1b or \u202e.
void append_printable(std::string& out, std::string_view text);

// The same as a value, cut to at most `columns` characters; a cut text ends with an ellipsis.
[[nodiscard]] std::string printable(std::string_view text,
                                    std::size_t columns = std::string_view::npos);

} // namespace wattvisor
