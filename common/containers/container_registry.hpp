// SPDX-License-Identifier: Apache-2.0
// The containers that processes were found in, and what runtimes told of them. One object per
// container, which all of its processes share. Owned by the agent; Asio thread.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/containers/process_place.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace wattvisor {

class ContainerRegistry {
public:
    // More than any machine runs; what is beyond is known by its id only.
    static constexpr std::size_t kMost = 5000;

    explicit ContainerRegistry(std::string node_name) : node_name_(std::move(node_name)) {}

    [[nodiscard]] ContainerPtr find(const ContainerPlace& place);
    // The same container as it is known now.
    [[nodiscard]] ContainerPtr renewed(const ContainerPtr& container) const;
    // Adds what is known better now of containers that were found; others are none of ours.
    void learn(const std::vector<Container>& told);

    // Changes when learn() brought news: who holds a container asks for it again.
    [[nodiscard]] std::uint64_t version() const { return version_; }
    // Grows with each container that was not known before, so that a runtime is asked again.
    [[nodiscard]] std::uint64_t newcomers() const { return newcomers_; }
    // Whether nobody has told the name of one of them.
    [[nodiscard]] bool has_nameless() const;
    // Lets go of those that no process is in any more.
    void tidy();

private:
    std::string node_name_;
    std::unordered_map<std::string, ContainerPtr> containers_; // by container_key()
    std::uint64_t version_ = 0;
    std::uint64_t newcomers_ = 0;
};

// Names a container among all of the machine.
[[nodiscard]] std::string container_key(std::string_view owner, std::string_view id);

// The name of this node as Kubernetes knows it: NODE_NAME, which its manifests set by custom, else
// the host's name.
[[nodiscard]] std::string kubernetes_node_name();

} // namespace wattvisor
