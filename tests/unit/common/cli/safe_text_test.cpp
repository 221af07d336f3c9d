// SPDX-License-Identifier: Apache-2.0
#include "common/cli/safe_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace wattvisor {
namespace {

using namespace std::string_literals;

TEST(Utf8Length, KnowsEachLength) {
    EXPECT_EQ(utf8_length("a"), 1U);
    EXPECT_EQ(utf8_length("é"), 2U);
    EXPECT_EQ(utf8_length("€"), 3U);
    EXPECT_EQ(utf8_length("😀"), 4U);
    EXPECT_EQ(utf8_length(""), 0U);
    EXPECT_EQ(utf8_length("\0"s), 1U);
}

TEST(Utf8Length, RefusesWhatIsNotWellFormed) {
    EXPECT_EQ(utf8_length("\x80"), 0U);             // a continuation alone
    EXPECT_EQ(utf8_length("\xC0\xAF"), 0U);         // overlong slash
    EXPECT_EQ(utf8_length("\xE0\x80\xAF"), 0U);     // overlong slash
    EXPECT_EQ(utf8_length("\xED\xA0\x80"), 0U);     // a surrogate
    EXPECT_EQ(utf8_length("\xF4\x90\x80\x80"), 0U); // above U+10FFFF
    EXPECT_EQ(utf8_length("\xF0\x9F\x98"), 0U);     // cut short
    EXPECT_EQ(utf8_length("\xE2\x82z"), 0U);
    EXPECT_EQ(utf8_length("\xFF"), 0U);
}

TEST(CutUtf8, NeverEndsInsideACharacter) {
    const std::string text = "a€😀z";
    for (std::size_t limit = 0; limit <= text.size() + 1; ++limit) {
        std::string_view rest = cut_utf8(text, limit);
        EXPECT_LE(rest.size(), limit);
        while (!rest.empty()) {
            const std::size_t length = utf8_length(rest);
            ASSERT_NE(length, 0U) << "limit " << limit;
            rest.remove_prefix(length);
        }
    }
}

TEST(CutUtf8, CutsBytesThatAreNoTextAtTheLimit) {
    EXPECT_EQ(cut_utf8("\x80\x80\x80\x80\x80\x80", 5).size(), 5U);
}

// A VM named "\x1b]0;owned\x07" must not set the title of the terminal that lists it.
TEST(Printable, LetsNoTerminalEscapePass) {
    EXPECT_EQ(printable("\x1b]0;x\x07"), "\\x1b]0;x\\x07");
    EXPECT_EQ(printable("a\nb\tc\rd"), "a\\x0ab\\x09c\\x0dd");
    EXPECT_EQ(printable("\xC2\x9B"
                        "31m"),
              "\\u009b31m");
    EXPECT_EQ(printable("\x7F"), "\\x7f");
    EXPECT_EQ(printable("\0"s), "\\x00");
}

TEST(Printable, ShowsMarksThatTurnTheDirection) {
    EXPECT_EQ(printable("\xE2\x80\xAEgnp.exe"), "\\u202egnp.exe");
    EXPECT_EQ(printable("\xE2\x81\xA6"), "\\u2066");
}

TEST(Printable, KeepsOrdinaryTextAndShowsStrayBytes) {
    EXPECT_EQ(printable("Grüße 😀"), "Grüße 😀");
    EXPECT_EQ(printable("a\xFFz"), "a\\xffz");
}

TEST(Printable, CutsAtColumnsNotBytes) {
    EXPECT_EQ(printable("üüüü", 4), "üüüü");
    EXPECT_EQ(printable("üüüüü", 4), "üüü…");
    EXPECT_EQ(printable("ab\x1b"
                        "c",
                        4),
              "ab…");
    EXPECT_EQ(printable("abcd", 1), "…");
    EXPECT_EQ(printable("", 1), "");
}

} // namespace
} // namespace wattvisor
