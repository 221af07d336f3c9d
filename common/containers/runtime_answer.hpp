// SPDX-License-Identifier: Apache-2.0
// What runtimes tell of their containers, out of their texts. Pure, any thread. Names and labels
// are what whoever started a container typed: hostile text, and bounded here.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/base/error.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

// The answer of Docker's GET /containers/json, which Podman gives too. Entries without an id, or
// with parts of a wrong kind, are left out; what is no JSON is an error.
// https://docs.docker.com/engine/api/v1.43/#tag/Container/operation/ContainerList
[[nodiscard]] Result<std::vector<Container>> parse_docker_containers(std::string_view text);

// The name of a file in /var/log/containers of a Kubernetes node, whatever its runtime:
// "POD_NAMESPACE_CONTAINER-ID.log".
[[nodiscard]] std::optional<Container> parse_kubernetes_log_name(std::string_view file_name);

// "com.docker/x y" is container_label_com_docker_x_y: what may not be in a label's name becomes
// "_".
[[nodiscard]] std::string container_label_name(std::string_view key);

// What is kept of one container.
inline constexpr std::size_t kMostContainerLabels = 32;
inline constexpr std::size_t kLongestContainerText = 256; // bytes of a name or a value

} // namespace wattvisor
