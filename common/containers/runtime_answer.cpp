// SPDX-License-Identifier: Apache-2.0
#include "common/containers/runtime_answer.hpp"

#include "common/cli/safe_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace wattvisor {

namespace {

using Json = nlohmann::json;

// Kubernetes' own labels on a container of Docker (cri-dockerd).
constexpr const char* kPodName = "io.kubernetes.pod.name";
constexpr const char* kPodNamespace = "io.kubernetes.pod.namespace";

std::string bounded(const std::string& text) {
    return std::string(cut_utf8(text, kLongestContainerText));
}

// Keeps of the answer only what is read: a list of containers, each with some values of which none
// is deeper than a list or an object of texts. So what is nested ten thousand deep takes no memory.
bool is_wanted(int depth, Json::parse_event_t event, const Json& parsed) {
    constexpr int kDeepest = 3;
    if (event == Json::parse_event_t::key && depth == 2) {
        return parsed == "Id" || parsed == "Names" || parsed == "Labels";
    }
    return depth <= kDeepest;
}

std::string names_of(const Json& container) {
    std::string names;
    const auto list = container.find("Names");
    if (list == container.end() || !list->is_array()) {
        return names;
    }
    for (const Json& entry : *list) {
        if (!entry.is_string()) {
            continue;
        }
        const auto& name = entry.get_ref<const std::string&>();
        names += names.empty() ? "" : ",";
        names += name.starts_with('/') ? name.substr(1) : name;
    }
    return bounded(names);
}

void take_labels(const Json& json, Container& container) {
    const auto labels = json.find("Labels");
    if (labels == json.end() || !labels->is_object()) {
        return;
    }
    for (const auto& [key, value] : labels->items()) {
        if (!value.is_string() || key.empty()) {
            continue;
        }
        const auto& text = value.get_ref<const std::string&>();
        if (key == kPodName) {
            container.pod_name = bounded(text);
        } else if (key == kPodNamespace) {
            container.pod_namespace = bounded(text);
        }
        // Two keys may become one name: a label that is there twice would fail the whole scrape.
        std::string name = bounded(container_label_name(key));
        if (container.labels.size() < kMostContainerLabels &&
            std::none_of(container.labels.begin(), container.labels.end(),
                         [&name](const auto& known) { return known.first == name; })) {
            container.labels.emplace_back(std::move(name), bounded(text));
        }
    }
}

bool is_id(std::string_view text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

} // namespace

std::string container_label_name(std::string_view key) {
    std::string name = "container_label_";
    for (const char c : key) {
        const bool is_allowed =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        name += is_allowed ? c : '_';
    }
    return name;
}

Result<std::vector<Container>> parse_docker_containers(std::string_view text) {
    const Json answer = Json::parse(text, is_wanted, false);
    if (!answer.is_array()) {
        return Error{Severity::transient, "not a list of containers", "the runtime's answer", {}};
    }
    std::vector<Container> containers;
    for (const Json& json : answer) {
        const auto id = json.is_object() ? json.find("Id") : json.end();
        if (!json.is_object() || id == json.end() || !id->is_string() ||
            !is_id(id->get_ref<const std::string&>())) {
            continue;
        }
        Container& container = containers.emplace_back();
        container.id = id->get<std::string>();
        container.name = names_of(json);
        take_labels(json, container);
    }
    return containers;
}

std::optional<Container> parse_kubernetes_log_name(std::string_view file_name) {
    constexpr std::string_view kSuffix = ".log";
    constexpr std::size_t kIdLength = 64;
    if (!file_name.ends_with(kSuffix) || file_name.size() < kIdLength + kSuffix.size() + 6) {
        return std::nullopt;
    }
    file_name.remove_suffix(kSuffix.size());
    const std::string_view id = file_name.substr(file_name.size() - kIdLength);
    file_name.remove_suffix(kIdLength);
    if (!is_id(id) || !file_name.ends_with('-')) {
        return std::nullopt;
    }
    file_name.remove_suffix(1);
    // Names of Kubernetes have no underscore.
    const std::size_t first = file_name.find('_');
    const std::size_t last = file_name.rfind('_');
    if (first == std::string_view::npos || first == last) {
        return std::nullopt;
    }
    Container container;
    container.id = id;
    container.pod_name = file_name.substr(0, first);
    container.pod_namespace = file_name.substr(first + 1, last - first - 1);
    container.name = file_name.substr(last + 1);
    return container;
}

} // namespace wattvisor
