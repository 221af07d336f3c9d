// SPDX-License-Identifier: Apache-2.0
#include "common/base/error.hpp"
#include "common/export/push/warp10.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point kTime{1'750'000'002'250ms};

std::string line_of(std::span<const Label> labels, const MetricValue& value) {
    Warp10Text text(kTime, "web1");
    text.family("scaph_socket_power_microwatts", "help", MetricType::gauge);
    text.sample(labels, value);
    const auto messages = text.take();
    return messages.size() == 1 ? messages[0].bytes : "";
}

TEST(Warp10Text, HasTimeNameLabelsAndATypedValue) {
    const Label socket{"socket_id", "0"};
    EXPECT_EQ(line_of({&socket, 1}, MetricValue::integer(15'200'000)),
              "1750000002250000// scaph_socket_power_microwatts{socket_id=0,host=web1} 15200000\n");
    EXPECT_EQ(line_of({}, MetricValue::joules(1'500'000)),
              "1750000002250000// scaph_socket_power_microwatts{host=web1} 1.500000\n");
}

TEST(Warp10Text, EncodesWhateverALabelHolds) {
    const Label odd{"exe", "a b,c=d{e}\n'\"%\xff"};
    const std::string line = line_of({&odd, 1}, MetricValue::integer(1));
    EXPECT_NE(line.find("exe=a%20b%2Cc%3Dd%7Be%7D%0A%27%22%25%EF%BF%BD,host=web1}"),
              std::string::npos)
        << line;
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    const std::string huge(100'000, 'x');
    const Label long_one{"cmdline", huge};
    EXPECT_LT(line_of({&long_one, 1}, MetricValue::integer(1)).size(), 3'000U);
}

TEST(Warp10Token, IsTheOptionsOrTheEnvironments) {
    EXPECT_EQ(warp10_token("typed", "other"), "typed");
    EXPECT_EQ(warp10_token("", "other"), "other");
    EXPECT_THROW((void)warp10_token("", nullptr), StartError);
    EXPECT_THROW((void)warp10_token("", ""), StartError);
    EXPECT_THROW((void)warp10_token("two\nlines", nullptr), StartError);
}

} // namespace
} // namespace wattvisor
