// SPDX-License-Identifier: Apache-2.0
// What energy is charged to, and what a consumer source says of it at each tick.
#pragma once

#include "common/usage/component.hpp"
#include "common/usage/cpu_topology.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace wattvisor {

enum class ConsumerKind { vm, process };

// The container that a process runs in. Its control group names it; what only the runtime knows is
// empty until its socket has told it. All of it is hostile text.
struct Container {
    std::string id;        // as the runtime has it, 64 hexadecimal digits as a rule
    std::string name;      // or names, as Docker has them, without the slash in front
    std::string runtime;   // "docker", "containerd", "cri-o", "podman"; empty when not known
    std::string scheduler; // "docker" or "kubernetes"; empty when there is none
    std::string pod_name;
    std::string pod_namespace;
    std::string pod_uid;
    std::string node_name;
    // The systemd service below whose own group it was made, such as "user@1000.service"; empty for
    // the system's. It may bear any id, so it is another container than the system's of that id.
    std::string owner{};
    // That whoever started it gave it, each named as a metric's label:
    // "container_label_com_example", no name twice.
    std::vector<std::pair<std::string, std::string>> labels{};

    friend bool operator==(const Container&, const Container&) = default;
};

using ContainerPtr = std::shared_ptr<const Container>;

// Who a consumer is. Immutable: a source that learns something new (a VM became enrolled) makes a
// new one with the same key. Names and command lines are hostile text; exporters escape them.
struct Consumer {
    ConsumerKind kind = ConsumerKind::process;
    // Unique and never used again: the domain's UUID, or "PID:STARTTIME" of a process.
    std::string key;
    std::string name;    // the domain's name, or the process' comm
    std::string title;   // the domain's <title>; empty for a process
    pid_t pid = 0;       // the process, or the VM's QEMU process; 0 when unknown
    std::string exe;     // name of the executable as /proc/PID/comm has it (15 characters)
    std::string cmdline; // arguments joined without separator, as the seed's label has them
    unsigned vcpus = 0;
    bool enrolled = false;      // the domain's XML carries the share
    std::string systemd_unit{}; // the unit that it belongs to, "nginx.service"; empty when in none
    ContainerPtr container{};   // null when in none
};

using ConsumerPtr = std::shared_ptr<const Consumer>;

inline constexpr std::size_t kComponents = kAllComponents.size();
using ComponentTimes = std::array<std::chrono::nanoseconds, kComponents>; // by index_of()

// Bytes of memory per socket, by the index that CpuTopology gives it.
using SocketBytes = boost::container::small_vector<std::uint64_t, 2>;

// What else a process uses, as the kernel has it; absent parts could not be read.
struct ProcessResources {
    std::optional<std::uint64_t> memory_bytes; // resident
    std::optional<std::uint64_t> virtual_bytes;
    std::optional<std::uint64_t> read_bytes; // from storage, since the process began
    std::optional<std::uint64_t> written_bytes;
    // Of these, during the last measured interval.
    std::optional<std::uint64_t> recent_read_bytes;
    std::optional<std::uint64_t> recent_written_bytes;
};

struct ConsumerUsage {
    ConsumerPtr consumer;
    // CPU time per socket since the source began to watch this consumer: all of its threads, ended
    // ones too. A consumer that was not in the sample before is counted from 0, also when it comes
    // back. A socket beyond the end has 0.
    SocketTimes cpu_time;
    // CPU time per component since watched, whenever the source has looked at the threads anew:
    // that is dearer than the time as a whole, so not at every tick. Null in between.
    std::shared_ptr<const ComponentTimes> components;
    // Resident memory; empty where it is not known or not asked for.
    SocketBytes resident;
    std::shared_ptr<const ProcessResources> resources{}; // of a process, null where not asked for
    // Of what it used since the last sample, the part of threads that went to another socket
    // meanwhile: half of it is on each of the two, since nobody knows better. Empty where the
    // source does.
    SocketTimes moved{};
};

// One reading of a consumer source. Consumers that are not listed have ended.
struct UsageSample {
    CpuTopologyPtr topology; // null: all CPUs are one socket, and how many there are is not known
    std::vector<ConsumerUsage> consumers;
    // CPU time that the machine was busy since the source began to watch it, per socket; absent
    // when it could not be read this time.
    std::optional<SocketTimes> busy_time;
    // How much a reading of busy time can be short at the most, per socket.
    std::chrono::nanoseconds busy_error{0};
    // Memory in use on the nodes of each socket, the consumers' included; empty where not known.
    SocketBytes used_memory;
    // Where the times come from, whether it sees the last instants of what ended, and how many of
    // these it had to leave out.
    std::string_view time_source;
    bool sees_ends = false;
    std::uint64_t lost_ends = 0;
};

class ConsumerSource {
public:
    ConsumerSource() = default;
    ConsumerSource(const ConsumerSource&) = delete;
    ConsumerSource& operator=(const ConsumerSource&) = delete;
    virtual ~ConsumerSource() = default;

    [[nodiscard]] virtual UsageSample collect() = 0;
};

} // namespace wattvisor
