// SPDX-License-Identifier: Apache-2.0
#include "common/config/closest_name.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wattvisor {
namespace {

const std::vector<std::string> kNames{"interval", "policy", "libvirt", "port", "web-1", "web-12"};

TEST(ClosestName, FindsOneWrongMissingAddedOrSwappedCharacter) {
    EXPECT_EQ(closest_name("intervall", kNames), "interval");
    EXPECT_EQ(closest_name("intrval", kNames), "interval");
    EXPECT_EQ(closest_name("interwal", kNames), "interval");
    EXPECT_EQ(closest_name("prot", kNames), "port");
    EXPECT_EQ(closest_name("Policy", kNames), "policy");
}

TEST(ClosestName, TakesTheNearestOfSeveral) {
    EXPECT_EQ(closest_name("web1", kNames), "web-1");
    EXPECT_EQ(closest_name("web-2", kNames), "web-1") << "the first of two equally near ones";
    EXPECT_EQ(closest_name("web12", kNames), "web-12");
}

TEST(ClosestName, SaysNothingWhereNothingIsNear) {
    EXPECT_EQ(closest_name("exporters", kNames), std::nullopt);
    EXPECT_EQ(closest_name("", kNames), std::nullopt);
    EXPECT_EQ(closest_name("x", std::vector<std::string>{"y", ""}), std::nullopt);
    EXPECT_EQ(closest_name(std::string(10'000, 'a'), kNames), std::nullopt);
    EXPECT_EQ(closest_name("port", {}), std::nullopt);
}

} // namespace
} // namespace wattvisor
