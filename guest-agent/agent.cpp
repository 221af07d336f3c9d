// SPDX-License-Identifier: Apache-2.0
#include "guest-agent/agent.hpp"

#include "common/agent_loop.hpp"
#include "common/energy/powercap.hpp"
#include "common/export/exporter.hpp"
#include "common/usage/open_cpu_time.hpp"
#include "common/usage/process_usage.hpp"
#include "guest-agent/share_source.hpp"

#include <spdlog/spdlog.h>

#include <memory>

namespace wattvisor::guest {

namespace {

std::unique_ptr<EnergySource> make_energy_source(const GlobalOptions& global,
                                                 const std::filesystem::path& folder) {
    if (global.vm) {
        // The share may come later: that is waited for, not an error.
        return std::make_unique<ShareSource>(folder);
    }
    auto counters = std::make_unique<PowercapSource>(folder);
    if (const auto sample = counters->read({}); !sample) {
        throw StartError(sample.error().message());
    }
    return counters;
}

std::chrono::nanoseconds tick_interval(const GlobalOptions& global,
                                       const ExporterOptions& exporter) {
    const auto* terminal = std::get_if<StdoutOptions>(&exporter);
    return terminal != nullptr ? terminal->interval() : global.interval;
}

} // namespace

void run_agent(const GlobalOptions& global, const ExporterOptions& exporter,
               const char* powercap_path) {
    const auto interval = tick_interval(global, exporter);
    const auto folder = powercap_folder(global, powercap_path);
    spdlog::info("reading energy from {}", folder.string());

    PushStatistics push;
    boost::asio::io_context io(1); // one thread: every handler below may touch everything
    const auto energy = make_energy_source(global, folder);
    // A VM's sockets are its host's invention: energy of any zone is split by all CPUs' time.
    const auto topology = global.vm ? std::make_shared<const CpuTopology>(single_socket(1))
                                    : host_topology(global.sys);
    const auto times = open_cpu_time(global.cpu_time, global.proc, topology);
    ProcessUsage processes(global.proc, *times);
    // Inside a VM nothing is idle: the host has charged the VM for what it used.
    const Residual residual = global.vm ? Residual::other : Residual::idle;
    Meter meter({make_epoch(), interval, {}, {}}, Ledger(residual));
    AgentLoop loop(io, meter, *energy, processes, interval);

    const auto sink =
        make_exporter(exporter, {io, loop.surroundings(), push,
                                 [&push](MetricSink& metrics) { push.write(metrics); },
                                 [&loop] { loop.stop(); }});
    loop.add_sink(*sink);
    loop.run();
}

} // namespace wattvisor::guest
