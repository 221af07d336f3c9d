// SPDX-License-Identifier: Apache-2.0
#include "common/containers/container_registry.hpp"

#include <gtest/gtest.h>

#include <string>

namespace wattvisor {
namespace {

const std::string kId(64, 'a');

ContainerPlace place(const std::string& id, const std::string& owner = "") {
    return {id, "docker", "docker", "", owner};
}

Container named(const std::string& id, const std::string& name) {
    Container container;
    container.id = id;
    container.name = name;
    return container;
}

TEST(ContainerRegistry, KeepsOneObjectPerContainer) {
    ContainerRegistry registry("node-1");
    const ContainerPtr first = registry.find(place(kId));
    EXPECT_EQ(registry.find(place(kId)), first);
    EXPECT_EQ(first->id, kId);
    EXPECT_EQ(first->node_name, "") << "not of Kubernetes";
    EXPECT_EQ(registry.newcomers(), 1U);
}

TEST(ContainerRegistry, NamesTheNodeOfAPod) {
    ContainerRegistry registry("node-1");
    EXPECT_EQ(registry.find({kId, "", "kubernetes", "uid", ""})->node_name, "node-1");
}

TEST(ContainerRegistry, LearnsNamesOfWhatWasFoundOnly) {
    ContainerRegistry registry("");
    const ContainerPtr nameless = registry.find(place(kId));
    EXPECT_TRUE(registry.has_nameless());
    const auto version = registry.version();
    registry.learn({named(kId, "web"), named(std::string(64, 'b'), "stranger")});
    EXPECT_NE(registry.version(), version);
    EXPECT_EQ(registry.renewed(nameless)->name, "web");
    EXPECT_EQ(registry.renewed(nameless)->runtime, "docker") << "what is not told stays";
    EXPECT_EQ(nameless->name, "") << "snapshots hold it: it never changes";
    EXPECT_FALSE(registry.has_nameless());
    const auto known = registry.version();
    registry.learn({named(kId, "web")});
    EXPECT_EQ(registry.version(), known) << "no news";
}

// A user may call a group as he likes: the name of the system's container is not for him.
TEST(ContainerRegistry, TellsNothingToTheContainerOfAUserThatBearsTheSameId) {
    ContainerRegistry registry("");
    const ContainerPtr systems = registry.find(place(kId));
    const ContainerPtr users = registry.find(place(kId, "user@1000.service"));
    EXPECT_NE(systems, users);
    registry.learn({named(kId, "web")});
    EXPECT_EQ(registry.renewed(users)->name, "");
    EXPECT_EQ(registry.renewed(systems)->name, "web");
    EXPECT_FALSE(registry.has_nameless()) << "nobody is asked for it";
}

TEST(ContainerRegistry, ForgetsWhatNoProcessIsIn) {
    ContainerRegistry registry("");
    ContainerPtr held = registry.find(place(kId));
    (void)registry.find(place(std::string(64, 'b')));
    registry.tidy();
    EXPECT_EQ(registry.newcomers(), 2U);
    (void)registry.find(place(kId));
    EXPECT_EQ(registry.newcomers(), 2U) << "still known";
    (void)registry.find(place(std::string(64, 'b')));
    EXPECT_EQ(registry.newcomers(), 3U) << "was forgotten";
}

TEST(ContainerRegistry, IsBounded) {
    ContainerRegistry registry("");
    std::vector<ContainerPtr> held;
    for (std::size_t i = 0; i < ContainerRegistry::kMost + 100; ++i) {
        held.push_back(registry.find(place(std::to_string(i))));
        ASSERT_NE(held.back(), nullptr);
    }
    EXPECT_EQ(registry.newcomers(), ContainerRegistry::kMost);
}

} // namespace
} // namespace wattvisor
