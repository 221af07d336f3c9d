// SPDX-License-Identifier: Apache-2.0
#include "common/containers/container_registry.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <unistd.h>

namespace wattvisor {

namespace {

// What is told last wins, and what it does not say stays.
void take_over(std::string& known, const std::string& told) {
    if (!told.empty()) {
        known = told;
    }
}

} // namespace

std::string container_key(std::string_view owner, std::string_view id) {
    std::string key(owner);
    if (!key.empty()) {
        key += '/';
    }
    return key += id;
}

std::string kubernetes_node_name() {
    const char* given = std::getenv("NODE_NAME"); // NOLINT(concurrency-mt-unsafe): while starting
    if (given != nullptr && *given != '\0') {
        return given;
    }
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : std::string();
}

ContainerPtr ContainerRegistry::find(const ContainerPlace& place) {
    const std::string key = container_key(place.owner, place.id);
    const auto known = containers_.find(key);
    if (known != containers_.end()) {
        return known->second;
    }
    auto container = std::make_shared<Container>();
    container->id = place.id;
    container->runtime = place.runtime;
    container->scheduler = place.scheduler;
    container->pod_uid = place.pod_uid;
    container->owner = place.owner;
    if (place.scheduler == "kubernetes") {
        container->node_name = node_name_;
    }
    if (containers_.size() >= kMost) {
        tidy();
    }
    if (containers_.size() < kMost) {
        containers_.emplace(key, container);
        newcomers_ += place.owner.empty() ? 1U : 0U; // nobody is asked for those of a service
    }
    return container;
}

ContainerPtr ContainerRegistry::renewed(const ContainerPtr& container) const {
    const auto known = containers_.find(container_key(container->owner, container->id));
    return known == containers_.end() ? container : known->second;
}

void ContainerRegistry::learn(const std::vector<Container>& told) {
    for (const Container& news : told) {
        const auto known = containers_.find(news.id); // of the system: without an owner
        if (known == containers_.end()) {
            continue;
        }
        auto better = std::make_shared<Container>(*known->second);
        take_over(better->name, news.name);
        take_over(better->runtime, news.runtime);
        take_over(better->pod_name, news.pod_name);
        take_over(better->pod_namespace, news.pod_namespace);
        if (!news.labels.empty()) {
            better->labels = news.labels;
        }
        if (*better != *known->second) {
            known->second = std::move(better);
            ++version_;
        }
    }
}

bool ContainerRegistry::has_nameless() const {
    return std::any_of(containers_.begin(), containers_.end(), [](const auto& entry) {
        return entry.second->name.empty() && entry.second->owner.empty();
    });
}

void ContainerRegistry::tidy() {
    std::erase_if(containers_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

} // namespace wattvisor
