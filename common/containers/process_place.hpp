// SPDX-License-Identifier: Apache-2.0
// Which systemd unit and which container a process is in, out of /proc/PID/cgroup: v1 and v2,
// groups made by systemd or by the runtime itself (cgroupfs). Pure. Names of groups are chosen by
// whoever may make them: root for those of the system, a user below his own service manager, a
// service that was handed its group. So a container found below a service is that service's own,
// whatever id it claims: `owner` keeps it apart from the one of the system with the same id.
// Sources: cgroups(7); cg_path_get_unit() and cg_unescape() of systemd's cgroup-util.c; the
// runtimes' and kubelet's names of groups.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wattvisor {

struct ContainerPlace {
    std::string id;        // 64 hexadecimal digits
    std::string runtime;   // as in Container; empty when the name of the group does not say
    std::string scheduler; // likewise
    std::string pod_uid;   // with dashes, as Kubernetes shows it
    std::string owner;     // the service that made it below its own group; empty for the system's

    friend bool operator==(const ContainerPlace&, const ContainerPlace&) = default;
};

struct ProcessPlace {
    // "nginx.service", or of a user's own manager "user@1000.service/syncthing.service". Empty in
    // no unit, and where the unit is nothing but the container's scope.
    std::string systemd_unit;
    std::optional<ContainerPlace> container; // the outermost, which this machine's runtime knows
};

[[nodiscard]] ProcessPlace parse_process_place(std::string_view cgroup_text);

} // namespace wattvisor
