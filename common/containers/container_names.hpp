// SPDX-License-Identifier: Apache-2.0
// Asks the container runtimes of this machine for the names and labels of the containers that
// processes were found in: Docker and Podman over their sockets, Kubernetes by the names of its log
// files. Asked when a container appears, at most every few seconds, and now and then while one is
// without a name. Asynchronous, bounded in size and time: a runtime that hangs, lies or is absent
// costs names, nothing else. Read-only: lists, never anything that changes a container. Asio
// thread; called at each tick, as an exporter is.
#pragma once

#include "common/containers/container_registry.hpp"
#include "common/export/sink.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace wattvisor {

struct ContainerNameSources {
    std::vector<std::filesystem::path> sockets;
    std::filesystem::path kubernetes_logs = "/var/log/containers";
    std::chrono::nanoseconds pause = std::chrono::seconds(5);    // between two questions, at least
    std::chrono::nanoseconds patience = std::chrono::seconds(2); // for one answer
    std::size_t largest_answer = std::size_t{8} << 20U;
};

// Docker's and Podman's usual places; DOCKER_HOST and CONTAINER_HOST name others, as for their own
// programs ("unix:///run/user/1000/docker.sock").
[[nodiscard]] ContainerNameSources usual_container_sources();

class ContainerNames final : public Sink {
public:
    // `registry` and `io` outlive this.
    ContainerNames(boost::asio::io_context& io, ContainerRegistry& registry,
                   ContainerNameSources sources);
    ~ContainerNames() override;

    void publish(const SnapshotPtr& snapshot) override;

    struct State; // shared with the questions that are on their way

private:
    std::shared_ptr<State> state_;
};

} // namespace wattvisor
