// SPDX-License-Identifier: Apache-2.0
#include "common/cli/display_width.hpp"

#include "common/cli/safe_text.hpp"

#include <clocale>
#include <cwchar>
#include <locale.h>

namespace wattvisor {

namespace {

// wcwidth() answers for the thread's locale, which is "C" in a service and knows ASCII alone.
// C.UTF-8 is part of glibc since 2.35. https://man7.org/linux/man-pages/man3/uselocale.3.html
class Utf8Locale {
public:
    Utf8Locale() : before_(::uselocale(utf8())) {}
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;
    ~Utf8Locale() { ::uselocale(before_); }

private:
    // Made once and kept: locale_t(0) makes uselocale() a mere question, which is the fallback.
    static locale_t utf8() {
        static const locale_t made = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
        return made;
    }
    locale_t before_;
};

// `text` is one well-formed UTF-8 character.
wchar_t code_point(std::string_view text) {
    const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    constexpr unsigned kLeadBits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned value = byte(0) & kLeadBits[text.size()];
    for (std::size_t i = 1; i < text.size(); ++i) {
        value = (value << 6U) | (byte(i) & 0x3fU);
    }
    return static_cast<wchar_t>(value);
}

std::size_t width_of(const Utf8Character& character) {
    const int width = ::wcwidth(code_point(character.text));
    return width < 0 ? 1 : static_cast<std::size_t>(width);
}

} // namespace

std::size_t display_width(std::string_view text) {
    const Utf8Locale locale;
    std::size_t width = 0;
    while (!text.empty()) {
        const Utf8Character next = first_character(text);
        width += width_of(next);
        text.remove_prefix(next.bytes);
    }
    return width;
}

std::string fit_columns(std::string_view text, std::size_t columns) {
    const std::size_t width = display_width(text);
    std::string result;
    if (width <= columns) {
        result = text;
        return result.append(columns - width, ' ');
    }
    if (columns == 0) {
        return result;
    }
    const Utf8Locale locale;
    std::size_t used = 0;
    for (;;) {
        const Utf8Character next = first_character(text);
        const std::size_t next_width = width_of(next);
        if (used + next_width >= columns) {
            break;
        }
        result += text.substr(0, next.bytes);
        used += next_width;
        text.remove_prefix(next.bytes);
    }
    result += "…";
    // A wide character may have left one column over.
    return result.append(columns - used - 1, ' ');
}

} // namespace wattvisor
