// SPDX-License-Identifier: Apache-2.0
#include "common/base/pattern.hpp"

#include <gmock/gmock.h>

namespace wattvisor {
namespace {

TEST(Pattern, IsFoundAnywhere) {
    const Pattern pattern = Pattern::parse("^/usr/bin/(nginx|php)").value();
    EXPECT_TRUE(pattern.found_in("/usr/bin/nginx-g"));
    EXPECT_FALSE(pattern.found_in("/opt/usr/bin/nginx"));
    EXPECT_EQ(pattern.text(), "^/usr/bin/(nginx|php)");
    EXPECT_TRUE(Pattern::parse("gin").value().found_in("nginx"));
}

TEST(Pattern, SaysWhatIsWrong) {
    const auto wrong = Pattern::parse("(");
    ASSERT_FALSE(wrong.has_value());
    EXPECT_THAT(wrong.error().message(), testing::HasSubstr("missing )"));
    EXPECT_THAT(wrong.error().message(), testing::HasSubstr("e.g. nginx|postgres"));
    EXPECT_FALSE(Pattern::parse("(?=a)").has_value()) << "what RE2 leaves out is an error";
}

TEST(Pattern, TakesBytesThatAreNoText) {
    const Pattern pattern = Pattern::parse("nginx").value();
    EXPECT_TRUE(pattern.found_in("\xff\xfe nginx \x80"));
    EXPECT_TRUE(pattern.found_in(std::string_view("\0nginx", 6)));
    EXPECT_FALSE(pattern.found_in("\xff"));
}

// A matcher that tries all ways would take until the end of the universe.
TEST(Pattern, TakesTimeThatIsLinearInTheText) {
    const Pattern pattern = Pattern::parse("(a+)+(a+)+b$").value();
    EXPECT_FALSE(pattern.found_in(std::string(100'000, 'a')));
}

} // namespace
} // namespace wattvisor
