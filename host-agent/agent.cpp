// SPDX-License-Identifier: Apache-2.0
#include "host-agent/agent.hpp"

#include "common/agent_loop.hpp"
#include "common/cli/safe_text.hpp"
#include "common/containers/container_names.hpp"
#include "common/energy/powercap.hpp"
#include "common/export/paced_exporter.hpp"
#include "common/usage/open_cpu_time.hpp"
#include "host-agent/energy_carrier.hpp"
#include "host-agent/host_metrics.hpp"
#include "host-agent/host_usage.hpp"
#include "host-agent/ledger_keeper.hpp"
#include "host-agent/libvirt_watcher.hpp"
#include "host-agent/qemu_pid_file.hpp"
#include "host-agent/run_folder.hpp"
#include "host-agent/share_publisher.hpp"
#include "host-agent/share_tidier.hpp"
#include "host-agent/vm_usage.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

namespace wattvisor::host {

namespace {

// A host without readable counters has nothing to offer: better to say so at once.
void check_counters(PowercapSource& energy) {
    if (const auto sample = energy.read({}); !sample) {
        throw StartError(sample.error().message());
    }
}

Ledger begin_ledger(const HostConfig& config) {
    make_private_folder(config.ledger.saved_file.parent_path(),
                        "Totals are saved there; ledger.saved_file or --run-dir names another "
                        "place");
    return load_ledger(config.ledger, read_boot_id(config.roots.proc),
                       std::chrono::system_clock::now());
}

WatcherSettings watcher_settings(const LibvirtSettings& libvirt) {
    WatcherSettings settings;
    settings.uri = libvirt.uri;
    settings.run_dir = qemu_run_dir(libvirt.uri, libvirt.run_dir, std::getenv("XDG_RUNTIME_DIR"),
                                    std::getenv("HOME"));
    settings.reconcile = libvirt.reconcile;
    return settings;
}

VmProcessRoots process_roots(const HostConfig& config) {
    VmProcessRoots roots;
    roots.proc = config.roots.proc;
    roots.mountinfo = config.roots.proc / "self/mountinfo";
    roots.run_dir = watcher_settings(config.libvirt).run_dir;
    return roots;
}

std::optional<VmMemory> memory_of(const HostConfig& config, const CpuTimeSource& times) {
    if (config.policy.dram_by != DramBy::memory) {
        return std::nullopt;
    }
    return VmMemory(config.roots.sys, *times.topology());
}

// What is known of the VMs, on the Asio thread.
struct Vms {
    bool publishes;
    VmList list;
    VmUsage usage;
    SharePublisher shares;
    std::optional<EnergyCarrier> carrier; // where energy travels with VMs
    bool is_listed = false;               // libvirt has answered, or said why it does not

    void update(VmList fresh) {
        is_listed = true;
        if (fresh.connected != list.connected || fresh.problem != list.problem) {
            if (fresh.connected) {
                spdlog::info("libvirt answers: {} VMs run", fresh.vms.size());
            } else {
                spdlog::warn("{}", printable(fresh.problem));
            }
        }
        list = std::move(fresh);
        if (carrier) {
            carrier->update(list.vms);
        }
        usage.update(list.vms);
        shares.update(list.vms);
    }

    // An agent that publishes nothing knows nothing of shares.
    [[nodiscard]] std::vector<SharePublisher::Status> share_status() const {
        return publishes ? shares.status() : std::vector<SharePublisher::Status>();
    }
};

// Calls the tidier every so often; ends with the io_context.
class Tidying {
public:
    Tidying(boost::asio::io_context& io, const HostConfig& config, const Vms& vms,
            const LibvirtWatcher& watcher)
        : timer_(io), tidier_(config.shares), vms_(vms), watcher_(watcher),
          patience_(3 * config.libvirt.reconcile + std::chrono::seconds(5)) {
        wait();
    }

private:
    void wait() {
        timer_.expires_after(std::chrono::seconds(10));
        timer_.async_wait([this](const boost::system::error_code& error) {
            if (!error) {
                tidy(std::chrono::steady_clock::now());
                wait();
            }
        });
    }

    // While libvirt hangs the connection stands and the last list stays: it proves nothing.
    void tidy(std::chrono::steady_clock::time_point now) {
        VmList list = vms_.list;
        list.connected = list.connected && now - watcher_.last_answer() < patience_;
        tidier_.tidy(list, now);
    }

    boost::asio::steady_timer timer_;
    ShareTidier tidier_;
    const Vms& vms_;
    const LibvirtWatcher& watcher_;
    std::chrono::nanoseconds patience_;
};

// So that the first tick knows the VMs and writes their shares, and not only the second. A libvirt
// that is slow to answer is not waited for.
void await_list(boost::asio::io_context& io, const Vms& vms) {
    boost::asio::steady_timer patience(io, std::chrono::milliseconds(200));
    const auto is_over = std::make_shared<bool>(false); // the handler may be called after this ends
    patience.async_wait([is_over](const boost::system::error_code&) { *is_over = true; });
    while (!vms.is_listed && !*is_over && io.run_one() > 0) {
    }
}

// Leaves without unwinding: the libvirt thread is stuck in a call and may still use what it has.
[[noreturn]] void leave_at_once() {
    spdlog::warn("libvirt does not let go of its thread: leaving it behind");
    spdlog::shutdown();
    std::quick_exit(kExitOk);
}

} // namespace

int run_agent(const AgentPlan& plan) {
    const HostConfig& config = plan.config;
    PushStatistics push;
    boost::asio::io_context io(1); // one thread: every handler below may touch everything
    PowercapSource energy(config.roots.powercap);
    check_counters(energy);

    FileDescriptor lock;
    if (plan.publishes) {
        lock = lock_run_folder(config.shares.run_dir);
    }
    Meter meter({make_epoch(), config.interval, config.ledger.keep_ended, config.policy},
                plan.publishes ? begin_ledger(config) : Ledger(Residual::idle));
    const auto times =
        open_cpu_time(config.cpu_time, config.roots.proc, host_topology(config.roots.sys));
    const ExporterNeeds needs = needs_of(config.exporters);
    const unsigned resources_every = needs.resources && config.resources
                                         ? ticks_between_looks(*needs.resources, config.interval)
                                         : 0;
    Vms vms{plan.publishes,
            {},
            VmUsage(process_roots(config), *times, {memory_of(config, *times), resources_every}),
            SharePublisher(config.shares, config.share_layout),
            std::nullopt,
            false};
    ContainerRegistry containers(kubernetes_node_name());
    ProcessDetails details;
    details.resources_every = resources_every;
    details.units = needs.metrics;
    details.containers = needs.containers ? &containers : nullptr;
    std::optional<ProcessUsage> processes;
    std::optional<HostUsage> all;
    if (config.processes) {
        processes.emplace(config.roots.proc, *times, details);
        all.emplace(*times, vms.usage, *processes);
    }
    ConsumerSource& consumers = all ? static_cast<ConsumerSource&>(*all) : vms.usage;
    AgentLoop loop(io, meter, energy, consumers, config.interval);
    if (needs.metrics) {
        loop.read_surroundings(config.roots.proc, config.roots.sys);
    }
    std::optional<ContainerNames> names;
    if (needs.containers && config.processes) {
        loop.add_sink(names.emplace(io, containers, usual_container_sources()));
    }

    LedgerKeeper ledger_keeper(meter, config.ledger, read_boot_id(config.roots.proc));
    if (plan.publishes) {
        loop.add_sink(ledger_keeper);
        loop.add_sink(vms.shares);
    }
    WatcherSettings watching = watcher_settings(config.libvirt);
    if (plan.publishes && config.ledger.carry) {
        watching.carry = std::make_shared<CarryMailbox>();
        vms.carrier.emplace(meter, watching.carry);
        loop.add_sink(*vms.carrier);
    }
    LibvirtWatcher watcher(std::move(watching), [&io, &vms](VmList list) {
        boost::asio::post(
            io, [&vms, list = std::move(list)]() mutable { vms.update(std::move(list)); });
    });
    std::optional<Tidying> tidying;
    if (plan.publishes) {
        tidying.emplace(io, config, vms, watcher);
    }
    bool has_failed = false;
    const ExporterWorld world{io,
                              loop.surroundings(),
                              push,
                              [&vms, &watcher, &push](MetricSink& sink) {
                                  write_host_metrics(vms.list, watcher.last_answer(),
                                                     vms.share_status(), sink);
                                  push.write(sink);
                              },
                              [&loop, &plan] {
                                  if (plan.publishes) {
                                      spdlog::info("an exporter has ended; the shares go on");
                                  } else {
                                      loop.stop();
                                  }
                              },
                              [&has_failed] { has_failed = true; }};
    std::vector<std::unique_ptr<Sink>> exporters;
    exporters.reserve(config.exporters.size());
    for (const ExporterPlan& exporter : config.exporters) {
        exporters.push_back(make_paced_exporter(exporter, world));
    }
    for (const auto& exporter : exporters) {
        loop.add_sink(*exporter);
    }

    watcher.start();
    await_list(io, vms);
    loop.run();
    if (plan.publishes) {
        ledger_keeper.close();
    }
    if (!watcher.stop()) {
        leave_at_once();
    }
    return has_failed && !plan.publishes ? kExitFailure : kExitOk;
}

} // namespace wattvisor::host
