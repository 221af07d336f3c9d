// SPDX-License-Identifier: Apache-2.0
#include "tests/accuracy/simulated_run.hpp"

#include "common/accounting/meter.hpp"
#include "common/energy/powercap.hpp"
#include "common/usage/clock_time_source.hpp"
#include "common/usage/open_cpu_time.hpp"
#include "host-agent/vm_usage.hpp"
#include "tests/simulated-host/host_tree.hpp"
#include "tests/simulated-host/ideal_meter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <utility>

namespace wattvisor::accuracy {

namespace {

namespace fs = std::filesystem;
using simulated::HostTruth;
using simulated::IdealMeter;
using simulated::SimulatedHost;
using std::chrono::nanoseconds;

template <typename T>
T value_or_stop(Result<T> result) {
    if (!result) {
        throw StartError(result.error().message());
    }
    return std::move(*result);
}

// Where the simulated control groups are "mounted".
fs::path write_mounts(const fs::path& root, const simulated::HostTree& tree,
                      simulated::CgroupVersion version) {
    fs::path file = root / "mountinfo";
    std::ofstream out(file);
    const std::string groups = (tree.sys() / "fs/cgroup").string();
    if (version == simulated::CgroupVersion::v2) {
        out << fmt::format("30 24 0:26 / {} rw - cgroup2 cgroup2 rw\n", groups);
    }
    return file;
}

std::vector<host::Vm> running_vms(const SimulatedHost& host) {
    std::vector<host::Vm> vms;
    for (const simulated::VirtualMachine& machine : host.population().vms()) {
        if (machine.is_running()) {
            host::Vm vm;
            vm.uuid = machine.uuid;
            vm.name = machine.name;
            vm.libvirt_id = machine.libvirt_id;
            vm.pid = machine.pid;
            vm.vcpus = machine.spec->vcpus;
            vms.push_back(std::move(vm));
        }
    }
    return vms;
}

class Run {
public:
    Run(const SimulatedPlan& plan, const fs::path& root)
        : plan_(plan), host_(plan.scenario),
          tree_(value_or_stop(simulated::HostTree::create(root, host_))), energy_(tree_.powercap()),
          times_(tree_.proc(), host_topology(tree_.sys()), std::nullopt),
          usage_({tree_.proc(), write_mounts(root, tree_, plan.scenario.host.cgroup),
                  tree_.libvirt_run_dir()},
                 times_),
          meter_({"accuracy", plan.interval, std::chrono::hours(1), {}}, Ledger(Residual::idle)) {}

    Row run() {
        tick();
        for (std::size_t zone = 0; zone < last_->zones.size(); ++zone) {
            first_uj_.push_back(last_->zones[zone].counter_uj);
        }
        while (host_.now() < plan_.length) {
            host_.advance(plan_.interval);
            tick();
            check_sums();
        }
        return result();
    }

private:
    void tick() {
        static_cast<void>(value_or_stop(tree_.write(host_)));
        usage_.update(running_vms(host_));
        const nanoseconds now = std::chrono::hours(1) + host_.now(); // a clock never shows 0
        const std::chrono::system_clock::time_point wall(std::chrono::hours(480'000) + host_.now());
        last_ = meter_.tick({now, wall, ++ticks_, 0, now}, energy_, usage_);
        ideal_.look(host_.truth());
    }

    // All parts of each zone against what its counter really went on by.
    void check_sums() {
        for (std::size_t i = 0; i < last_->zones.size(); ++i) {
            const ZoneAccount& zone = last_->zones[i];
            std::uint64_t parts = zone.other_uj + zone.idle_uj + zone.ended_uj;
            for (const ConsumerAccount& consumer : last_->consumers) {
                parts += consumer.total_uj[i];
            }
            const std::uint64_t counted = zone.counter_uj - first_uj_[i];
            sum_error_uj_ =
                std::max(sum_error_uj_, parts > counted ? parts - counted : counted - parts);
        }
    }

    [[nodiscard]] Row result() const {
        Row row{plan_.load, "files", plan_.interval, plan_.length, {}, sum_error_uj_, 0};
        const HostTruth truth = host_.truth();
        for (const simulated::ConsumerTruth& vm : truth.vms) {
            row.vms.push_back(compare(vm, truth));
            double instant = 0;
            for (std::size_t zone = 0; zone < truth.zones.size(); ++zone) {
                instant += counts(truth.zones[zone]) ? vm.energy[zone].joules() : 0;
            }
            row.interval_error =
                std::max(row.interval_error, relative_error(row.vms.back().truth, instant));
        }
        return row;
    }

    [[nodiscard]] static bool counts(const simulated::BankZone& zone) {
        return zone.role == simulated::ZoneRole::package || zone.role == simulated::ZoneRole::dram;
    }

    [[nodiscard]] VmResult compare(const simulated::ConsumerTruth& vm,
                                   const HostTruth& truth) const {
        VmResult result{vm.name, 0, 0, 0};
        std::map<simulated::ZoneRole, double> kinds;
        for (std::size_t zone = 0; zone < truth.zones.size(); ++zone) {
            kinds[truth.zones[zone].role] += ideal_.energy(vm.key, zone).joules();
        }
        for (std::size_t zone = 0; zone < truth.zones.size(); ++zone) {
            const auto charged = charged_joules(vm.key, truth.zones[zone].folder);
            if (!charged) {
                continue; // a zone that repeats another's joules, such as those of mmio
            }
            const double ideal = ideal_.energy(vm.key, zone).joules();
            const double whole = kinds[truth.zones[zone].role];
            result.zone_error =
                std::max(result.zone_error, relative_error(whole + *charged - ideal, whole));
            if (counts(truth.zones[zone])) {
                result.charged += *charged;
                result.truth += ideal;
            }
        }
        return result;
    }

    [[nodiscard]] std::optional<double> charged_joules(const std::string& uuid,
                                                       const std::string& zone) const {
        constexpr double kPerJoule = 1e6;
        for (std::size_t i = 0; i < last_->zones.size(); ++i) {
            for (const ConsumerAccount& consumer : last_->consumers) {
                if (last_->zones[i].zone.id == zone && consumer.consumer->key == uuid) {
                    return static_cast<double>(consumer.total_uj[i]) / kPerJoule;
                }
            }
        }
        return std::nullopt;
    }

    const SimulatedPlan& plan_;
    SimulatedHost host_;
    simulated::HostTree tree_;
    PowercapSource energy_;
    ClockTimeSource times_;
    host::VmUsage usage_;
    Meter meter_;
    IdealMeter ideal_{IdealMeter::Consumers::vms};
    SnapshotPtr last_;
    std::vector<std::uint64_t> first_uj_;
    std::uint64_t sum_error_uj_ = 0;
    std::uint64_t ticks_ = 0;
};

} // namespace

Row measure(const SimulatedPlan& plan, const fs::path& root) {
    return Run(plan, root).run();
}

} // namespace wattvisor::accuracy
