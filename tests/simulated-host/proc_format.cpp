// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/proc_format.hpp"

#include <fmt/format.h>

#include <iterator>

namespace wattvisor::simulated {

namespace {

// include/linux/sched.h
constexpr unsigned kPfKthread = 0x00200000;
constexpr unsigned kPfRandomize = 0x00400000;

std::uint64_t ticks(std::uint64_t nanos) {
    return nanos / kNanosPerTick;
}

void append_cpu(std::string& text, const std::string& label, const CpuTimes& cpu) {
    // user nice system idle iowait irq softirq steal guest guest_nice
    fmt::format_to(std::back_inserter(text), "{} {} 0 {} {} 0 {} 0 0 {} 0\n", label,
                   ticks(cpu.user), ticks(cpu.system), ticks(cpu.idle), ticks(cpu.irq),
                   ticks(cpu.guest));
}

std::string stat_line(const Process& process, const Task& task, const CpuSplit& used,
                      const CpuSplit& children, const std::string& comm, std::uint64_t start_ns) {
    const bool is_kernel = process.is_kernel_thread();
    std::string line;
    // pid comm state ppid pgrp session tty tpgid flags, then page faults of both kinds twice
    fmt::format_to(std::back_inserter(line), "{} ({}) S {} {} {} 0 -1 {} 0 0 0 0", task.tid, comm,
                   process.parent, is_kernel ? 0 : process.pid, is_kernel ? 0 : process.pid,
                   is_kernel ? kPfKthread : kPfRandomize);
    // utime stime cutime cstime priority nice num_threads itrealvalue starttime vsize rss
    fmt::format_to(std::back_inserter(line), " {} {} {} {} 20 0 {} 0 {} {} {}", ticks(used.user),
                   ticks(used.system), ticks(children.user), ticks(children.system),
                   process.tasks.size(), start_ns / kNanosPerTick, is_kernel ? 0 : 1 << 26,
                   is_kernel ? 0 : 4096);
    // rsslim, 5 addresses, 4 signal masks, wchan nswap cnswap exit_signal processor rt policy
    fmt::format_to(std::back_inserter(line),
                   " 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 {} 0 0", task.last_cpu);
    // delayacct_blkio guest_time cguest_time, 7 addresses, exit_code
    fmt::format_to(std::back_inserter(line), " 0 {} {} 0 0 0 0 0 0 0 0\n", ticks(used.guest),
                   ticks(children.guest));
    return line;
}

} // namespace

std::string format_stat(std::span<const CpuTimes> cpus, std::uint64_t processes,
                        std::uint64_t boot_time) {
    CpuTimes sum;
    for (const CpuTimes& cpu : cpus) {
        sum.user += cpu.user;
        sum.system += cpu.system;
        sum.idle += cpu.idle;
        sum.irq += cpu.irq;
        sum.guest += cpu.guest;
    }
    std::string text;
    append_cpu(text, "cpu ", sum); // two blanks, as in the kernel
    for (std::size_t i = 0; i < cpus.size(); ++i) {
        append_cpu(text, fmt::format("cpu{}", i), cpus[i]);
    }
    fmt::format_to(std::back_inserter(text),
                   "intr 0\nctxt 0\nbtime {}\nprocesses {}\nprocs_running 1\nprocs_blocked 0\n"
                   "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
                   boot_time, processes);
    return text;
}

std::string format_process_stat(const Process& process) {
    return stat_line(process, process.tasks.front(), process.used(), process.ended_children,
                     process.comm, process.start_ns);
}

std::string format_task_stat(const Process& process, const Task& task) {
    return stat_line(process, task, task.used, process.ended_children, task.comm, task.start_ns);
}

std::string format_schedstat(const Task& task) {
    return fmt::format("{} 0 {}\n", task.used.total(), task.used.total() / 1'000'000 + 1);
}

std::string format_status(const Process& process) {
    return fmt::format("Name:\t{}\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t{}\nNgid:\t0\n"
                       "Pid:\t{}\nPPid:\t{}\nTracerPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"
                       "NStgid:\t{}\nNSpid:\t{}\nKthread:\t{}\nThreads:\t{}\n",
                       process.comm, process.pid, process.pid, process.parent, process.pid,
                       process.pid, process.is_kernel_thread() ? 1 : 0, process.tasks.size());
}

std::string format_cmdline(const Process& process) {
    std::string text;
    for (const std::string& argument : process.arguments) {
        text += argument;
        text += '\0';
    }
    return text;
}

std::string format_cgroup(CgroupVersion version, const std::string& path) {
    if (version == CgroupVersion::v2) {
        return "0::" + path + "\n";
    }
    // libvirt makes its groups of threads in the CPU's hierarchies only, and systemd knows the
    // unit.
    const std::size_t below_unit = path.find("/libvirt/");
    const std::string unit = path.substr(0, below_unit);
    return fmt::format("4:memory:{}{}\n3:cpu,cpuacct:{}\n1:name=systemd:{}\n", unit,
                       below_unit == std::string::npos ? "" : "/libvirt", path, unit);
}

} // namespace wattvisor::simulated
