// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/riemann.pb.h"
#include "common/export/push/riemann_events.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point kTime{1'750'000'002s};

// What a server finds in the frames.
std::vector<riemann::Event> decode(const std::vector<PushMessage>& messages) {
    std::vector<riemann::Event> events;
    for (const PushMessage& message : messages) {
        const auto byte = [&message](std::size_t i) {
            return static_cast<std::size_t>(static_cast<unsigned char>(message.bytes[i]));
        };
        EXPECT_EQ(byte(0) << 24U | byte(1) << 16U | byte(2) << 8U | byte(3),
                  message.bytes.size() - 4);
        riemann::Msg decoded;
        EXPECT_TRUE(decoded.ParseFromString(message.bytes.substr(4)));
        EXPECT_EQ(static_cast<std::size_t>(decoded.events_size()), message.values);
        events.insert(events.end(), decoded.events().begin(), decoded.events().end());
    }
    return events;
}

TEST(RiemannEvents, AreTypedAndHaveTheirTimeHostAndLabels) {
    RiemannEvents sink(kTime, "web1");
    sink.family("a_total", "what it is", MetricType::counter);
    const Label zone{"zone", "intel-rapl:0"};
    sink.sample({&zone, 1}, MetricValue::joules(1'500'000));
    sink.family("b", "another", MetricType::gauge);
    sink.sample({}, MetricValue::integer(7));
    const auto events = decode(sink.take());
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].time(), 1'750'000'002);
    EXPECT_EQ(events[0].host(), "web1");
    EXPECT_EQ(events[0].service(), "a_total_intel-rapl:0");
    EXPECT_EQ(events[0].description(), "what it is");
    EXPECT_EQ(events[0].state(), "ok");
    EXPECT_EQ(events[0].ttl(), 60);
    EXPECT_DOUBLE_EQ(events[0].metric_d(), 1.5);
    EXPECT_FALSE(events[0].has_metric_sint64());
    ASSERT_EQ(events[0].attributes_size(), 1);
    EXPECT_EQ(events[0].attributes(0).value(), "intel-rapl:0");
    EXPECT_EQ(events[1].metric_sint64(), 7);
    EXPECT_FALSE(events[1].has_metric_d());
}

TEST(RiemannEvents, OfAProcessAreFoundByTheDocumentedQuery) {
    const Label labels[] = {{"pid", "42"}, {"exe", "firefox"}};
    EXPECT_EQ(riemann_services("scaph_process_power_consumption_microwatts", labels),
              (std::vector<std::string>{"scaph_process_power_consumption_microwatts_42_firefox",
                                        "process_power_consumption_microwatts_42_firefox"}));
}

TEST(RiemannEvents, OfSocketsAreFoundBySocketAndByScaphandresName) {
    const Label socket{"socket_id", "1"};
    EXPECT_EQ(riemann_services("scaph_socket_power_microwatts", {&socket, 1}),
              (std::vector<std::string>{"scaph_socket_power_microwatts_1",
                                        "scaph_socket_power_microwatts"}));
    EXPECT_EQ(riemann_services("scaph_host_power_microwatts", {}),
              std::vector<std::string>{"scaph_host_power_microwatts"});
}

TEST(RiemannEvents, OfNamesThatAreTooLongOrNoUtf8AreToldApart) {
    const auto service = [](std::string_view unit) {
        const Label label{"unit", unit};
        return riemann_services("m", {&label, 1}).front();
    };
    EXPECT_EQ(service("\xff"), "m_\uFFFD#764d21916dbc82e");
    EXPECT_NE(service("\xff"), service("\xfe"));
    EXPECT_NE(service("\xff"), service("\uFFFD"));
    const std::string huge(100'000, 'x');
    EXPECT_NE(service(huge + "1"), service(huge + "2"));
    EXPECT_LT(service(huge).size(), 600U);
}

TEST(RiemannEvents, HoldAnyNameAndStayShort) {
    RiemannEvents sink(kTime, "h");
    sink.family("m", "help", MetricType::gauge);
    const std::string huge(100'000, 'x');
    const Label labels[] = {{"exe", "a\"b\n,\\=\xff"}, {"cmdline", huge}};
    for (int i = 0; i < 300; ++i) {
        sink.sample(labels, MetricValue::integer(1));
    }
    const auto messages = sink.take();
    EXPECT_GT(messages.size(), 1U);
    for (const PushMessage& message : messages) {
        EXPECT_LT(message.bytes.size(), 512U * 1024);
    }
    const auto events = decode(messages);
    ASSERT_EQ(events.size(), 300U);
    EXPECT_EQ(events[0].attributes(0).value(), "a\"b\n,\\=\xEF\xBF\xBD");
    EXPECT_LT(events[0].attributes(1).value().size(), 20'000U);
}

TEST(RiemannAnswer, IsReadAndRubbishIsNoneThatIsOk) {
    riemann::Msg answer;
    answer.set_ok(false);
    answer.set_error("no room");
    EXPECT_FALSE(read_riemann_answer(answer.SerializeAsString()).ok);
    EXPECT_EQ(read_riemann_answer(answer.SerializeAsString()).error, "no room");
    answer.set_ok(true);
    EXPECT_TRUE(read_riemann_answer(answer.SerializeAsString()).ok);
    EXPECT_FALSE(read_riemann_answer("\xff\xff\xff").ok);
}

} // namespace
} // namespace wattvisor
