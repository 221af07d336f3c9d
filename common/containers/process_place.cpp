// SPDX-License-Identifier: Apache-2.0
#include "common/containers/process_place.hpp"

#include "common/usage/cgroup_text.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace wattvisor {

namespace {

constexpr std::size_t kIdLength = 64;
// Beyond these, whoever made the group plays with us: nested runtimes are a handful.
constexpr std::size_t kMostParts = 64;
constexpr std::size_t kLongestUnit = 255; // NAME_MAX

struct RuntimePrefix {
    std::string_view prefix;
    std::string_view runtime;
};
constexpr std::array kRuntimes{
    RuntimePrefix{"docker-", "docker"},         RuntimePrefix{"cri-containerd-", "containerd"},
    RuntimePrefix{"nerdctl-", "containerd"},    RuntimePrefix{"crio-", "cri-o"},
    RuntimePrefix{"libpod-payload-", "podman"}, RuntimePrefix{"libpod-", "podman"},
};

bool is_container_id(std::string_view text) {
    return text.size() == kIdLength && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

std::string_view without_suffix(std::string_view text, std::string_view suffix) {
    return text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : text;
}

std::vector<std::string_view> parts_of(std::string_view path) {
    path = without_suffix(path, " (deleted)"); // of a group that was removed, cgroups(7)
    std::vector<std::string_view> parts;
    while (!path.empty() && parts.size() < kMostParts) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (!part.empty() && part != "..") {
            parts.push_back(part);
        }
    }
    return parts;
}

// systemd puts "_" before a name that the kernel could take for a file of its own.
std::string_view plain_name(std::string_view part) {
    return part.starts_with('_') ? part.substr(1) : part;
}

bool is_slice(std::string_view part) {
    return part.ends_with(".slice");
}

bool is_unit(std::string_view part) {
    constexpr std::array<std::string_view, 5> kSuffixes{".service", ".scope", ".socket", ".mount",
                                                        ".swap"};
    return part.size() <= kLongestUnit &&
           std::any_of(kSuffixes.begin(), kSuffixes.end(), [part](std::string_view suffix) {
               return part.size() > suffix.size() && part.ends_with(suffix);
           });
}

bool is_user_manager(std::string_view part) {
    return part.starts_with("user@") && part.ends_with(".service");
}

// The unit that the path is in: below slices, and for a user's manager the unit below that again.
std::string unit_of(const std::vector<std::string_view>& parts) {
    auto part = std::find_if_not(parts.begin(), parts.end(), is_slice);
    if (part == parts.end() || !is_unit(plain_name(*part))) {
        return {};
    }
    std::string unit(plain_name(*part));
    if (is_user_manager(unit)) {
        part = std::find_if_not(part + 1, parts.end(), is_slice);
        if (part != parts.end() && is_unit(plain_name(*part))) {
            unit += '/';
            unit += plain_name(*part);
        }
    }
    return unit;
}

// "docker-ID.scope", "crio-ID", "ID"; and "system.slice:docker:ID", which runc makes of a systemd
// name where it manages groups by itself.
std::optional<ContainerPlace> container_of(std::string_view part, std::string_view before) {
    ContainerPlace place;
    std::string name(without_suffix(part, ".scope"));
    if (std::count(name.begin(), name.end(), ':') == 2) {
        name.erase(0, name.find(':') + 1);
        name[name.find(':')] = '-';
    }
    if (is_container_id(name)) {
        place.id = std::move(name);
        if (before == "docker") {
            place.runtime = "docker";
        } else if (before == "default" || before == "k8s.io" || before == "moby") {
            place.runtime = "containerd"; // its namespaces
        }
        return place;
    }
    for (const RuntimePrefix& known : kRuntimes) {
        if (name.starts_with(known.prefix) && is_container_id(name.substr(known.prefix.size()))) {
            place.id = name.substr(known.prefix.size());
            place.runtime = known.runtime;
            return place;
        }
    }
    return std::nullopt;
}

// "pod0f5c…" of cgroupfs, "kubepods-burstable-pod0f5c….slice" of systemd, where the dashes of the
// uid are underscores.
std::string pod_uid_of(std::string_view part) {
    part = without_suffix(part, ".slice");
    std::size_t begin = part.starts_with("pod") ? 3 : std::string_view::npos;
    if (const std::size_t found = part.find("-pod"); found != std::string_view::npos) {
        begin = found + 4;
    }
    if (begin == std::string_view::npos) {
        return {};
    }
    std::string uid(part.substr(begin));
    std::replace(uid.begin(), uid.end(), '_', '-');
    const bool is_uid =
        uid.size() >= 32 && uid.size() <= 36 && std::all_of(uid.begin(), uid.end(), [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
        });
    return is_uid ? uid : std::string();
}

std::optional<ContainerPlace> find_container(const std::vector<std::string_view>& parts) {
    std::string owner;
    std::string pod_uid;
    bool is_kubernetes = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::string_view part = parts[i];
        auto place = container_of(part, i > 0 ? parts[i - 1] : std::string_view());
        if (place) {
            place->owner = std::move(owner);
            if (is_kubernetes && place->owner.empty()) {
                place->scheduler = "kubernetes";
                place->pod_uid = std::move(pod_uid);
            } else if (place->runtime == "docker") {
                place->scheduler = "docker";
            }
            return place;
        }
        if (part.starts_with("kubepods") || part.find("-kubepods") != std::string_view::npos) {
            is_kubernetes = true;
        }
        if (std::string uid = pod_uid_of(part); !uid.empty()) {
            pod_uid = std::move(uid);
        }
        if (owner.empty() && is_unit(plain_name(part))) {
            owner = plain_name(part);
        }
    }
    return std::nullopt;
}

} // namespace

ProcessPlace parse_process_place(std::string_view cgroup_text) {
    ProcessPlace place;
    const std::vector<CgroupMembership> memberships = parse_cgroup_memberships(cgroup_text);
    // systemd's own hierarchy says it best; with v2 alone there is only one.
    const auto systemd =
        std::find_if(memberships.begin(), memberships.end(),
                     [](const CgroupMembership& group) { return group.has("name=systemd"); });
    const auto unified = std::find_if(memberships.begin(), memberships.end(),
                                      [](const CgroupMembership& group) { return group.is_v2; });
    const auto best = systemd != memberships.end() ? systemd : unified;
    if (best != memberships.end()) {
        place.systemd_unit = unit_of(parts_of(best->path));
    }
    for (const CgroupMembership& group : memberships) {
        place.container = find_container(parts_of(group.path));
        if (place.container) {
            break;
        }
    }
    if (place.container && place.container->owner.empty() &&
        place.systemd_unit.find(place.container->id) != std::string::npos) {
        place.systemd_unit.clear();
    }
    return place;
}

} // namespace wattvisor
