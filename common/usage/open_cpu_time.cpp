// SPDX-License-Identifier: Apache-2.0
#include "common/usage/open_cpu_time.hpp"

#include "common/cli/safe_text.hpp"
#include "common/usage/bpf_time_source.hpp"
#include "common/usage/clock_time_source.hpp"

#include <spdlog/spdlog.h>

#include <thread>

namespace wattvisor {

namespace {

std::unique_ptr<CpuTimeSource> open_clocks(const std::filesystem::path& proc_root,
                                           const CpuTopologyPtr& topology) {
    std::optional<ExitAccounting> exits;
    if (is_live_proc(proc_root)) {
        if (auto opened = ExitAccounting::open()) {
            exits = std::move(*opened);
        } else {
            spdlog::info("what processes use in the tick in which they end is charged to other: {}",
                         printable(opened.error().message()));
        }
    }
    spdlog::info("CPU times come from each process' clock{}{}", exits ? " and exit record" : "",
                 topology->sockets() > 1 ? "; by socket from where its threads are found" : "");
    return std::make_unique<ClockTimeSource>(proc_root, topology, std::move(exits));
}

} // namespace

std::unique_ptr<CpuTimeSource> open_cpu_time(CpuTimeChoice choice,
                                             const std::filesystem::path& proc_root,
                                             const CpuTopologyPtr& topology) {
    if (choice == CpuTimeChoice::bpf && !is_live_proc(proc_root)) {
        throw StartError("--cpu-time bpf counts this machine's processes, not those of " +
                             proc_root.string() + ". Type --cpu-time clock, or leave out --proc",
                         kExitConfiguration);
    }
    if (choice == CpuTimeChoice::clock || !is_live_proc(proc_root)) {
        return open_clocks(proc_root, topology);
    }
    auto program = BpfCpuTime::open(*topology);
    if (program) {
        spdlog::info("CPU times come from the BPF program: exact per socket and process");
        return std::make_unique<BpfTimeSource>(std::move(*program), proc_root, topology);
    }
    if (choice == CpuTimeChoice::bpf) {
        throw StartError(program.error().message());
    }
    spdlog::info("the BPF program cannot be used: {}", printable(program.error().message()));
    return open_clocks(proc_root, topology);
}

CpuTopologyPtr host_topology(const std::filesystem::path& sys_root) {
    auto topology = read_topology(sys_root);
    if (!topology) {
        spdlog::warn("all CPUs count as one socket: {}", printable(topology.error().message()));
        return std::make_shared<const CpuTopology>(
            single_socket(std::max(1U, std::thread::hardware_concurrency())));
    }
    return std::make_shared<const CpuTopology>(std::move(*topology));
}

} // namespace wattvisor
