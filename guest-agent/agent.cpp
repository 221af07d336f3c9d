// SPDX-License-Identifier: Apache-2.0
#include "guest-agent/agent.hpp"

#include "common/agent_loop.hpp"
#include "common/containers/container_names.hpp"
#include "common/energy/powercap.hpp"
#include "common/export/paced_exporter.hpp"
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

} // namespace

int run_agent(const GlobalOptions& global, const std::vector<ExporterPlan>& exporters,
              const char* powercap_path) {
    const auto interval = global.interval;
    const auto folder = powercap_folder(global, powercap_path);
    spdlog::info("reading energy from {}", folder.string());

    PushStatistics push;
    boost::asio::io_context io(1); // one thread: every handler below may touch everything
    const auto energy = make_energy_source(global, folder);
    // A VM's sockets are its host's invention: energy of any zone is split by all CPUs' time.
    const auto topology = global.vm ? std::make_shared<const CpuTopology>(single_socket(1))
                                    : host_topology(global.sys);
    const auto times = open_cpu_time(global.cpu_time, global.proc, topology);
    const ExporterNeeds needs = needs_of(exporters);
    ContainerRegistry containers(kubernetes_node_name());
    ProcessDetails details;
    if (needs.resources && global.resources) {
        details.resources_every = ticks_between_looks(*needs.resources, interval);
    }
    details.units = needs.metrics;
    details.containers = needs.containers ? &containers : nullptr;
    ProcessUsage processes(global.proc, *times, details);
    // Inside a VM nothing is idle: the host has charged the VM for what it used.
    const Residual residual = global.vm ? Residual::other : Residual::idle;
    Meter meter({make_epoch(), interval, {}, {}}, Ledger(residual));
    AgentLoop loop(io, meter, *energy, processes, interval);

    if (needs.metrics) {
        loop.read_surroundings(global.proc, global.sys);
    }
    std::optional<ContainerNames> names;
    if (needs.containers) {
        loop.add_sink(names.emplace(io, containers, usual_container_sources()));
    }
    std::size_t running = exporters.size();
    bool has_failed = false;
    const ExporterWorld world{io,
                              loop.surroundings(),
                              push,
                              [&push](MetricSink& metrics) { push.write(metrics); },
                              [&loop, &running] {
                                  if (--running == 0) {
                                      loop.stop();
                                  } else {
                                      spdlog::info("an exporter has ended; {} go on", running);
                                  }
                              },
                              [&has_failed] { has_failed = true; }};
    std::vector<std::unique_ptr<Sink>> sinks;
    sinks.reserve(exporters.size());
    for (const ExporterPlan& exporter : exporters) {
        sinks.push_back(make_paced_exporter(exporter, world));
    }
    for (const auto& sink : sinks) {
        loop.add_sink(*sink);
    }
    loop.run();
    return has_failed && exporters.size() == 1 ? kExitFailure : kExitOk;
}

} // namespace wattvisor::guest
