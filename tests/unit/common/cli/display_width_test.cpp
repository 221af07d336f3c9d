// SPDX-License-Identifier: Apache-2.0
#include "common/cli/display_width.hpp"

#include <gtest/gtest.h>

namespace wattvisor {
namespace {

TEST(DisplayWidth, CountsColumnsNotBytes) {
    EXPECT_EQ(display_width(""), 0U);
    EXPECT_EQ(display_width("web-1"), 5U);
    EXPECT_EQ(display_width("Zähler"), 6U);
    EXPECT_EQ(display_width("数据"), 4U);
    EXPECT_EQ(display_width("e\xCC\x81"), 1U) << "e and a combining accent";
    EXPECT_EQ(display_width("a\xFFz"), 3U) << "a byte that is no UTF-8";
}

TEST(FitColumns, PadsAndCutsToTheWidth) {
    EXPECT_EQ(fit_columns("ab", 4), "ab  ");
    EXPECT_EQ(fit_columns("abcd", 4), "abcd");
    EXPECT_EQ(fit_columns("abcde", 4), "abc…");
    EXPECT_EQ(fit_columns("äöüß", 3), "äö…");
    EXPECT_EQ(fit_columns("abc", 1), "…");
    EXPECT_EQ(fit_columns("abc", 0), "");
}

TEST(FitColumns, NeverCutsAWideCharacterInHalf) {
    EXPECT_EQ(fit_columns("数据库", 4), "数… ");
    EXPECT_EQ(fit_columns("数据库", 5), "数据…");
    EXPECT_EQ(fit_columns("数据", 5), "数据 ");
}

} // namespace
} // namespace wattvisor
