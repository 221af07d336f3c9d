// SPDX-License-Identifier: Apache-2.0
// Who lives on the simulated host: VMs with QEMU's threads and their helpers, other processes and
// kernel threads, born, ended and named as the scenario says. Holds what each has used; the
// SimulatedHost adds to it. Knows no file and no clock of its own. One thread.
#pragma once

#include "tests/simulated-host/exact_energy.hpp"
#include "tests/simulated-host/scenario.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace wattvisor::simulated {

inline constexpr std::size_t kLongestComm = 15; // TASK_COMM_LEN of the kernel, less its end

using SocketNanos = std::vector<std::uint64_t>; // CPU time per socket

// CPU time by the kernel's columns, in nanoseconds. Guest time is inside user time.
struct CpuSplit {
    std::uint64_t user = 0;
    std::uint64_t system = 0;
    std::uint64_t guest = 0;

    [[nodiscard]] std::uint64_t total() const { return user + system; }
    CpuSplit& operator+=(const CpuSplit& other);
};

struct Task {
    pid_t tid = 0;
    Component component = Component::process;
    std::string comm;
    const Load* load = nullptr; // in the scenario
    const Placement* placement = nullptr;
    std::uint64_t number = 0;        // counts all tasks of the host: its seed and its home
    std::uint64_t start_ns = 0;      // since boot
    std::optional<nanoseconds> ends; // on the scenario's clock
    CpuSplit used;                   // as its files show it
    std::uint64_t rest = 0;          // wanted, but less than a nanosecond
    unsigned last_cpu = 0;
    std::size_t cgroup = 0; // in Population::cgroups()
};

// A control group that has or had tasks in it; those of the folders above it are the sums.
struct Cgroup {
    std::string path; // below the root, "/machine.slice/…"
    std::vector<std::uint64_t> per_cpu;
    CpuSplit used;
};

enum class ProcessKind { qemu, helper, vhost, user, kernel };

inline constexpr std::size_t kNoVm = static_cast<std::size_t>(-1);

struct Process {
    pid_t pid = 0;
    pid_t parent = 1;
    ProcessKind kind = ProcessKind::user;
    std::size_t vm = kNoVm;
    std::string comm;
    std::vector<std::string> arguments;
    std::string cgroup;         // its leader's path
    std::uint64_t start_ns = 0; // since boot
    std::vector<Task> tasks;    // the first is the leader
    CpuSplit ended_threads;
    CpuSplit ended_children; // that it waited for
    // The truth: since the scenario began.
    SocketNanos cpu;
    std::vector<Energy> energy; // per zone
    std::optional<nanoseconds> ends;

    [[nodiscard]] CpuSplit used() const; // all threads, ended ones included
    [[nodiscard]] std::uint64_t start_ticks() const { return start_ns / 10'000'000; }
    [[nodiscard]] std::string key() const; // "PID:STARTTIME"
    [[nodiscard]] bool is_kernel_thread() const {
        return kind == ProcessKind::kernel || kind == ProcessKind::vhost;
    }
};

struct VirtualMachine {
    const VmSpec* spec = nullptr;
    std::string name;
    std::string uuid;
    int libvirt_id = -1; // new with each start; -1: not running
    pid_t pid = 0;
    std::vector<std::pair<Component, pid_t>> helpers; // vhost threads with a pid of their own too
    // The truth: since the scenario began, over all starts.
    std::array<SocketNanos, kComponents> cpu;
    std::vector<Energy> energy;

    [[nodiscard]] bool is_running() const { return pid != 0; }
    [[nodiscard]] SocketNanos total_cpu() const;
};

class Population {
public:
    // The scenario must outlive this.
    Population(const Scenario& scenario, std::size_t zones);

    // Births and deaths that are due by `now`; `boot_ns` is the time since boot.
    void live(nanoseconds now, std::uint64_t boot_ns);

    // A vm_… or process_rename event. False: there is no such VM or process.
    bool apply(const Event& event, std::uint64_t boot_ns);

    [[nodiscard]] std::map<pid_t, Process>& processes() { return processes_; }
    [[nodiscard]] const std::map<pid_t, Process>& processes() const { return processes_; }
    [[nodiscard]] std::vector<VirtualMachine>& vms() { return vms_; }
    [[nodiscard]] const std::vector<VirtualMachine>& vms() const { return vms_; }

    [[nodiscard]] std::vector<Cgroup>& cgroups() { return cgroups_; }
    [[nodiscard]] const std::vector<Cgroup>& cgroups() const { return cgroups_; }

    // Differs after somebody was born, ended or got another name.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }

    struct Ended {
        Process process;
        nanoseconds at{0};
    };
    // Processes that ended and belonged to no VM, oldest first; take_ended() drops those from
    // before `since` and returns what they used.
    [[nodiscard]] const std::vector<Ended>& ended() const { return ended_; }
    [[nodiscard]] std::vector<Process> take_ended(nanoseconds since);

private:
    struct Spawner { // of short-lived threads or processes
        nanoseconds next{0};
        nanoseconds every{0};
        nanoseconds lives{0};
        std::size_t vm = kNoVm;              // of threads
        const ThreadSpec* threads = nullptr; // one of the two
        const ProcessSpec* process = nullptr;
    };

    void add_init();
    void add_processes(const ProcessSpec& spec, std::uint64_t boot_ns);
    Process& add_process(Process process, std::uint64_t boot_ns);
    struct NewTask {
        Component component;
        const std::string& comm;
        const Load& load;
        const Placement& placement;
        const std::string& cgroup;
    };
    void add_task(Process& process, const NewTask& wanted, std::uint64_t boot_ns);
    [[nodiscard]] std::size_t cgroup_at(const std::string& path);
    Process& spawn(const ProcessSpec& spec, std::uint64_t boot_ns);
    void start_vm(std::size_t index, std::uint64_t boot_ns, std::optional<pid_t> pid);
    void add_vm_threads(std::size_t index, const ThreadSpec& spec, std::uint64_t boot_ns);
    void add_helper(std::size_t index, const ThreadSpec& spec, std::uint64_t boot_ns);
    void stop_vm(std::size_t index);
    void end_process(std::map<pid_t, Process>::iterator process, nanoseconds now);
    void end_tasks(Process& process, nanoseconds now);
    void run_spawner(Spawner& spawner, nanoseconds now, std::uint64_t boot_ns);
    [[nodiscard]] pid_t new_pid();

    const Scenario& scenario_;
    std::size_t zones_;
    std::map<pid_t, Process> processes_;
    std::vector<VirtualMachine> vms_;
    std::vector<Spawner> spawners_;
    std::vector<Cgroup> cgroups_;
    std::map<std::string, std::size_t> cgroup_of_path_;
    std::vector<Ended> ended_;
    pid_t last_pid_ = 1000;
    int last_libvirt_id_ = 0;
    std::uint64_t tasks_ = 0;
    std::uint64_t generation_ = 0;
    nanoseconds now_{0};
};

[[nodiscard]] std::string make_uuid(std::size_t number);
// How libvirt and systemd name the cgroup of a VM.
[[nodiscard]] std::string scope_name(int libvirt_id, const std::string& name);

} // namespace wattvisor::simulated
