// SPDX-License-Identifier: Apache-2.0
#include "common/containers/runtime_answer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace wattvisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

const std::string kId(64, 'a');

TEST(DockerContainers, AreReadFromItsAnswer) {
    const auto containers = parse_docker_containers(
        R"([{"Id":")" + kId +
        R"(","Names":["/web","/link/alias"],"Image":"nginx","Created":1,"Ports":[{"a":{"b":1}}],)"
        R"("Labels":{"com.example.team":"blue","version":"1"},"State":"running"}])");
    ASSERT_TRUE(containers);
    ASSERT_THAT(*containers, SizeIs(1));
    const Container& web = containers->front();
    EXPECT_EQ(web.id, kId);
    EXPECT_EQ(web.name, "web,link/alias");
    EXPECT_THAT(web.labels, ElementsAre(Pair("container_label_com_example_team", "blue"),
                                        Pair("container_label_version", "1")));
}

TEST(DockerContainers, OfKubernetesNameTheirPod) {
    const auto containers = parse_docker_containers(
        R"([{"Id":")" + kId +
        R"(","Labels":{"io.kubernetes.pod.name":"db-0","io.kubernetes.pod.namespace":"prod"}}])");
    ASSERT_TRUE(containers);
    EXPECT_EQ(containers->front().pod_name, "db-0");
    EXPECT_EQ(containers->front().pod_namespace, "prod");
}

// A slash went into a label's name as it was (Scaphandre #439), and no scraper took the page.
TEST(ContainerLabels, HaveNamesThatALabelMayHave) {
    EXPECT_EQ(container_label_name("a.b-c:d e/f"), "container_label_a_b_c_d_e_f");
    EXPECT_EQ(container_label_name("é\n\"}"), "container_label______");
    EXPECT_EQ(container_label_name("0"), "container_label_0");
}

// A series with a label twice is refused, and with it the whole page.
TEST(ContainerLabels, AppearOnceUnderOneName) {
    const auto containers = parse_docker_containers(
        R"([{"Id":")" + kId + R"(","Labels":{"a.b":"1","a-b":"2","a_b":"3"}}])");
    ASSERT_TRUE(containers);
    EXPECT_THAT(containers->front().labels, SizeIs(1));
}

TEST(ContainerLabels, AreBounded) {
    std::string labels;
    for (int i = 0; i < 500; ++i) {
        labels +=
            (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":\"" + std::string(5000, 'v') + "\"";
    }
    const auto containers =
        parse_docker_containers(R"([{"Id":")" + kId + R"(","Labels":{)" + labels + "}}]");
    ASSERT_TRUE(containers);
    EXPECT_THAT(containers->front().labels, SizeIs(kMostContainerLabels));
    EXPECT_EQ(containers->front().labels[0].second.size(), kLongestContainerText);
}

TEST(DockerContainers, PartsOfAWrongKindAreLeftOut) {
    const auto containers = parse_docker_containers(
        R"([1,"x",null,[],{},{"Id":5},{"Id":"../etc"},{"Id":")" + kId +
        R"(","Names":"web","Labels":[1]},{"Id":")" + kId +
        R"(","Names":[7,{"a":1},["/deep"]],"Labels":{"a":{"b":1},"c":2,"":"x"}}])");
    ASSERT_TRUE(containers);
    ASSERT_THAT(*containers, SizeIs(2));
    for (const Container& container : *containers) {
        EXPECT_EQ(container.name, "");
        EXPECT_THAT(container.labels, IsEmpty());
    }
}

TEST(DockerContainers, AreNotInWhatIsNoList) {
    for (const std::string& text :
         {std::string(), std::string("{}"), std::string("[{"), std::string("\xff\xfe"),
          std::string(R"({"message":"permission denied"})"), std::string("[] []"),
          std::string(R"([{"Id":"\ud800"}])")}) {
        EXPECT_FALSE(parse_docker_containers(text)) << text;
    }
    EXPECT_FALSE(parse_docker_containers(std::string(1'000'000, '[')));
    const std::string deep = "[" + std::string(100'000, '[') + std::string(100'000, ']') + "]";
    EXPECT_THAT(parse_docker_containers(deep).value(), IsEmpty());
}

TEST(KubernetesLogNames, NameThePod) {
    const auto container = parse_kubernetes_log_name("db-0_prod_postgres-exporter-" + kId + ".log");
    ASSERT_TRUE(container);
    EXPECT_EQ(container->id, kId);
    EXPECT_EQ(container->pod_name, "db-0");
    EXPECT_EQ(container->pod_namespace, "prod");
    EXPECT_EQ(container->name, "postgres-exporter");
}

TEST(KubernetesLogNames, MayBeAnything) {
    for (const std::string& name :
         {std::string(), std::string(".log"), kId + ".log", "a-" + kId + ".log",
          "a_b-" + kId + ".log", "a_b_c-" + kId, "a_b_c-" + std::string(64, 'G') + ".log"}) {
        EXPECT_FALSE(parse_kubernetes_log_name(name)) << name;
    }
}

} // namespace
} // namespace wattvisor
