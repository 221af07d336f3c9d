// SPDX-License-Identifier: Apache-2.0
// What a simulated host is made of and what happens to it, as plain values: the form in which a
// scenario file is kept once it is read, and in which a test builds one without a file. Defaults
// are those of the file format (docs/reference/simulated-host.md). Knows no file and no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace wattvisor::simulated {

using std::chrono::nanoseconds;

// Parts of one, in millionths: exact in YAML, in arithmetic and in print.
using Millionths = std::uint32_t;
inline constexpr Millionths kWhole = 1'000'000;

inline constexpr nanoseconds kForEver = nanoseconds::max();

enum class LoadPattern {
    steady, // `cpus` all the time
    bursty, // `cpus` for `duty` of each period, then `low`
    random, // a new value from `low` to `cpus` in each period
    ramp,   // from `low` at `from` to `cpus` at `until`
};

struct LoadPhase {
    LoadPattern pattern = LoadPattern::steady;
    Millionths cpus = kWhole; // of one CPU
    Millionths low = 0;
    Millionths duty = kWhole / 2;
    nanoseconds period = std::chrono::seconds(1);
    nanoseconds from{0};
    nanoseconds until = kForEver;
};

// What one thread wants. Of several phases the first that covers a moment counts; none: it sleeps.
struct Load {
    std::vector<LoadPhase> phases;
    Millionths system = 50'000; // of its time is spent in the kernel
    std::uint64_t seed = 1;     // of random values; each thread has its own on top
};

[[nodiscard]] inline Load steady(Millionths cpus) {
    Load load;
    load.phases.emplace_back().cpus = cpus;
    return load;
}

// What a thread does for its VM; `process` is a thread of a process that belongs to none.
enum class Component {
    vcpu,
    emulator,
    iothread,
    worker,
    vhost,
    virtiofsd,
    swtpm,
    passt,
    slirp,
    process,
};
inline constexpr std::size_t kComponents = 10;

// Threads that live as long as their process, or with `every`: a new one each time, which ends
// after `lives`.
struct ThreadSpec {
    Component component = Component::worker;
    unsigned count = 1;
    Load load;
    bool kernel_thread = false; // vhost: a process of its own, as before Linux 6.4
    nanoseconds every{0};
    nanoseconds lives{0};
};

struct Placement {
    std::optional<unsigned> socket; // none: threads are dealt out to all sockets in turn
    nanoseconds migrate_every{0};   // and each moves to the next one so often; 0: never
};

struct VmSpec {
    std::string name;
    std::string uuid; // empty: made from its place in the scenario
    std::string title;
    unsigned vcpus = 1;
    Load load; // of each vCPU
    std::vector<ThreadSpec> threads;
    Placement placement;
    std::uint64_t memory_mib = 1024;
    std::optional<unsigned> memory_node; // none: the same on all
    nanoseconds used_before{0};          // CPU time from before the scenario began
    bool starts_stopped = false;
};

struct ProcessSpec {
    std::string name;
    std::string cmdline; // words; empty: the name
    unsigned count = 1;
    unsigned threads = 1;
    bool kernel_thread = false;
    Load load; // of each thread
    Placement placement;
    nanoseconds every{0}; // short-lived ones: a new process so often, which ends after `lives`
    nanoseconds lives{0};
    nanoseconds used_before{0};
};

struct ZoneSpec {
    std::uint64_t idle_uw = 0;
    std::uint64_t per_cpu_uw = 0;             // for each CPU of the socket that is busy
    std::uint64_t range_uj = 262'143'328'850; // that of many Intel processors
    std::uint64_t start_uj = 0;               // what the counter shows at first
};

struct PowerSpec {
    ZoneSpec package{20'000'000, 10'000'000};
    std::optional<ZoneSpec> core; // inside the package, as uncore
    std::optional<ZoneSpec> uncore;
    std::optional<ZoneSpec> dram; // beside it
    std::optional<ZoneSpec> psys; // packages, drams and this
    std::optional<ZoneSpec> mmio; // shows the packages once more
};

enum class CgroupVersion { none, v1, v2 };

struct HostSpec {
    unsigned sockets = 1;
    unsigned cpus_per_socket = 4;
    unsigned nodes_per_socket = 1;
    std::uint64_t node_memory_mib = 65'536;
    CgroupVersion cgroup = CgroupVersion::v2;
    Millionths irq = 0; // of each CPU goes to interrupts
    nanoseconds booted_before = std::chrono::hours(1);
};

enum class EventKind {
    counter_reset,      // shows `value` from now on
    counter_freeze,     // stands still for `lasts`; then it has caught up
    counter_lose,       // as freeze, but what was used in between is never shown
    counter_jump,       // `value` µJ that nobody used
    counter_vanish,     // the zone's folder is gone for `lasts`
    counter_unreadable, // reading the counter is an error, for root too, for `lasts`
    counter_garbage,    // the counter's file holds `text` for `lasts`
    suspend,            // `lasts` passes on the boot clock only; counters go to 0
    vm_start,
    vm_stop,
    vm_restart, // a new process and libvirt id, with `same_pid` under the old pid
    vm_rename,  // to `text`
    process_rename,
};

struct Event {
    nanoseconds at{0};
    EventKind kind = EventKind::counter_reset;
    std::string target; // a zone's folder, a VM's name or a process' name; empty: all zones
    std::int64_t value = 0;
    nanoseconds lasts = kForEver;
    std::string text;
    bool same_pid = false;
};

struct Scenario {
    std::string title;
    HostSpec host;
    PowerSpec power;
    std::vector<VmSpec> vms;
    std::vector<ProcessSpec> processes;
    std::vector<Event> events;
    // Time goes on in steps of this: loads are constant within one, and events, births and deaths
    // take place between two.
    nanoseconds quantum = std::chrono::milliseconds(10);
    nanoseconds keep_ended = std::chrono::minutes(1); // ended processes stay in the truth
    nanoseconds duration{0};                          // 0: as long as it is wanted
};

} // namespace wattvisor::simulated
