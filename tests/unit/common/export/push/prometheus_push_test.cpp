// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/prometheus_push.hpp"

#include <gtest/gtest.h>

#include <string>

namespace wattvisor {
namespace {

TEST(PushgatewayPath, IsPlainForPlainNames) {
    EXPECT_EQ(pushgateway_path("metrics", "scaphandre", "web1"),
              "/metrics/job/scaphandre/instance/web1");
}

// https://github.com/prometheus/pushgateway#url: what holds a slash is base64, "=" where empty.
TEST(PushgatewayPath, WritesOddNamesInBase64) {
    EXPECT_EQ(pushgateway_path("metrics", "odd/job", "web1"),
              "/metrics/job@base64/b2RkL2pvYg==/instance/web1");
    const std::string path = pushgateway_path("metrics", "a b?#\xff", "\n");
    EXPECT_EQ(path.find_first_of(" ?#\xff\n"), std::string::npos) << path;
}

// A Pushgateway refuses a body whose instance is another than the path's, and labels that are no
// UTF-8: the agent of a container that calls itself so would never be heard.
TEST(PushgatewayPath, HasTheTextOfTheBody) {
    EXPECT_EQ(pushgateway_path("metrics", "j", "\xff"), pushgateway_path("metrics", "j", "\uFFFD"));
    EXPECT_EQ(pushgateway_path("metrics", "j", "\xff"), "/metrics/job/j/instance@base64/77-9");
}

TEST(InstanceText, AddsInstanceAndHostnameOnce) {
    std::string out;
    InstanceText text(out, "web\"1");
    text.family("a", "help", MetricType::gauge);
    text.sample({}, MetricValue::integer(1));
    const Label own{"instance", "mine"};
    text.sample({&own, 1}, MetricValue::integer(2));
    EXPECT_EQ(text.values(), 2U);
    EXPECT_NE(out.find("a{instance=\"web\\\"1\",hostname=\"web\\\"1\"} 1\n"), std::string::npos)
        << out;
    EXPECT_NE(out.find("a{instance=\"mine\",hostname=\"web\\\"1\"} 2\n"), std::string::npos) << out;
}

} // namespace
} // namespace wattvisor
