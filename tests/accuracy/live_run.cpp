// SPDX-License-Identifier: Apache-2.0
#include "tests/accuracy/live_run.hpp"

#include "common/accounting/meter.hpp"
#include "common/base/clock_time.hpp"
#include "common/usage/open_cpu_time.hpp"
#include "host-agent/vm_usage.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <sched.h>
#include <thread>
#include <utility>

namespace wattvisor::accuracy {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr double kMicrojoulesPerJoule = 1e6;
constexpr std::uint64_t kWatts = 50; // of each socket

// A package per socket, at constant power.
class ConstantPower final : public EnergySource {
public:
    explicit ConstantPower(const CpuTopology& topology) {
        auto zones = std::make_shared<ZoneList>();
        for (const unsigned package : topology.packages) {
            const std::string number = std::to_string(package);
            zones->push_back({"intel-rapl:" + number, "package-" + number, ZoneKind::package,
                              package, 262'143'328'850});
        }
        zones_ = std::move(zones);
    }

    [[nodiscard]] Result<EnergySample> read(nanoseconds now) override {
        first_ = first_.value_or(now);
        constexpr std::int64_t kNanosPerMicro = 1000;
        total_uj_ = static_cast<std::uint64_t>((now - *first_).count() / kNanosPerMicro) * kWatts;
        EnergySample sample;
        sample.zones = zones_;
        sample.counters_uj.assign(zones_->size(), total_uj_);
        sample.epoch = "constant";
        sample.time = now;
        sample.sequence = ++reads_;
        return sample;
    }
    [[nodiscard]] std::uint64_t total_uj() const { return total_uj_; } // of each zone

private:
    ZoneListPtr zones_;
    std::optional<nanoseconds> first_;
    std::uint64_t total_uj_ = 0;
    std::uint64_t reads_ = 0;
};

// What the kernel counted, and the energy that follows from it.
class Truth {
public:
    Truth(const std::vector<LiveVm>& vms, const CpuTopologyPtr& topology)
        : vms_(vms), machine_(KernelCount::of_machine(topology)),
          energy_(vms.size() + 1, std::vector<double>(topology->sockets())) {}

    void count() {
        now_.clear();
        for (const LiveVm& vm : vms_) {
            now_.push_back(vm.truth());
        }
        now_.push_back(machine_->read()); // last: never less than its parts
    }

    // Between the last two counts each zone came to so much in all.
    void charge(std::uint64_t total_uj) {
        const double joules = static_cast<double>(total_uj - last_uj_) / kMicrojoulesPerJoule;
        for (std::size_t socket = 0; !last_.empty() && socket < energy_[0].size(); ++socket) {
            const auto used = [&](std::size_t i) {
                return static_cast<double>((now_[i][socket] - last_[i][socket]).count());
            };
            const double all = used(vms_.size());
            for (std::size_t i = 0; all > 0 && i < vms_.size(); ++i) {
                energy_[i][socket] += joules * used(i) / all;
            }
        }
        last_ = now_;
        last_uj_ = total_uj;
    }

    // Per socket, joules.
    [[nodiscard]] const std::vector<double>& energy(std::size_t vm) const { return energy_[vm]; }

private:
    const std::vector<LiveVm>& vms_;
    std::optional<KernelCount> machine_;
    std::vector<std::vector<double>> energy_;
    std::vector<SocketTimes> now_;
    std::vector<SocketTimes> last_;
    std::uint64_t last_uj_ = 0;
};

CpuTopologyPtr topology_for(const LiveLoad& load) {
    const CpuTopologyPtr real = host_topology("/sys");
    if (!load.cpu_is_socket) {
        // One socket: which of several is what the two-socket load is about.
        return std::make_shared<const CpuTopology>(single_socket(real->total_cpus()));
    }
    CpuTopology pretended;
    for (unsigned cpu = 0; cpu < real->total_cpus(); ++cpu) {
        pretended.packages.push_back(cpu);
        pretended.cpus.push_back(1);
        pretended.socket_of_cpu.push_back(cpu);
    }
    return std::make_shared<const CpuTopology>(std::move(pretended));
}

// While this lives, the thread gets a CPU when it wants one, and its children do not: meter and
// truth look one after the other, and on a busy machine much would happen in between.
class Urgent {
public:
    Urgent() { set(SCHED_FIFO | SCHED_RESET_ON_FORK, 1); }
    Urgent(const Urgent&) = delete;
    Urgent& operator=(const Urgent&) = delete;
    ~Urgent() { set(SCHED_OTHER, 0); }

private:
    static void set(int policy, int priority) {
        sched_param parameter{};
        parameter.sched_priority = priority;
        ::sched_setscheduler(0, policy, &parameter); // without the right to it, it is not so exact
    }
};

double sum_of(const std::vector<double>& parts) {
    return std::accumulate(parts.begin(), parts.end(), 0.0);
}

std::vector<host::Vm> listed(const std::vector<LiveVm>& lives) {
    std::vector<host::Vm> vms;
    for (const LiveVm& live : lives) {
        host::Vm vm;
        vm.uuid = vm.name = live.name();
        vm.libvirt_id = 1;
        vm.pid = live.pid();
        vms.push_back(std::move(vm));
    }
    return vms;
}

// What the host agent is made of, and the truth beside it.
class Pipeline {
public:
    Pipeline(const LiveMeter& meter, const std::vector<LiveVm>& vms, const CpuTopologyPtr& topology)
        : plan_(meter), vms_(vms), energy_(*topology), before_(vms, topology),
          after_(vms, topology), times_(open_cpu_time(meter.source, "/proc", topology)),
          usage_(host::VmProcessRoots(), *times_),
          meter_({"accuracy", meter.interval, 1h, {}}, Ledger(Residual::idle)) {
        usage_.update(listed(vms));
    }

    void begin() {
        look();
        first_ = last_;
        next_ = clock_time(CLOCK_MONOTONIC) + plan_.interval;
    }

    [[nodiscard]] nanoseconds next() const { return next_; }

    void go_on() {
        look();
        next_ += plan_.interval;
    }

    [[nodiscard]] Row result(const std::string& load, nanoseconds length) const {
        Row row{load, std::string(times_->name()), plan_.interval, length, {}, sum_error_uj_, 0};
        for (std::size_t i = 0; i < vms_.size(); ++i) {
            row.vms.push_back(compare(i, after_.energy(i)));
        }
        return row;
    }

private:
    // The meter looks at one moment, and what is true is counted a little earlier and a little
    // later: how far these two are apart is what nobody can tell here.
    void look() {
        before_.count();
        tick();
        after_.count();
        before_.charge(energy_.total_uj());
        after_.charge(energy_.total_uj());
    }

    void tick() {
        last_ = meter_.tick({clock_time(CLOCK_MONOTONIC), std::chrono::system_clock::now(),
                             ++ticks_, 0, clock_time(CLOCK_BOOTTIME)},
                            energy_, usage_);
        for (std::size_t zone = 0; zone < last_->zones.size(); ++zone) {
            const ZoneAccount& account = last_->zones[zone];
            std::uint64_t parts = account.other_uj + account.idle_uj + account.ended_uj;
            for (const ConsumerAccount& consumer : last_->consumers) {
                parts += consumer.total_uj[zone];
            }
            const std::uint64_t counted = energy_.total_uj();
            sum_error_uj_ =
                std::max(sum_error_uj_, parts > counted ? parts - counted : counted - parts);
        }
    }

    [[nodiscard]] VmResult compare(std::size_t vm, const std::vector<double>& truth) const {
        VmResult result{vms_[vm].name(), 0, sum_of(truth), 0};
        result.doubt = std::abs(result.truth - sum_of(before_.energy(vm)));
        for (std::size_t zone = 0; zone < truth.size(); ++zone) {
            const double charged =
                static_cast<double>(charged_uj(*last_, vm, zone) - charged_uj(*first_, vm, zone)) /
                kMicrojoulesPerJoule;
            result.charged += charged;
            result.zone_error =
                std::max(result.zone_error,
                         relative_error(result.truth + charged - truth[zone], result.truth));
        }
        return result;
    }

    [[nodiscard]] std::uint64_t charged_uj(const Snapshot& snapshot, std::size_t vm,
                                           std::size_t zone) const {
        for (const ConsumerAccount& consumer : snapshot.consumers) {
            if (consumer.consumer->key == vms_[vm].name()) {
                return consumer.total_uj[zone];
            }
        }
        return 0;
    }

    LiveMeter plan_;
    const std::vector<LiveVm>& vms_;
    ConstantPower energy_;
    Truth before_;
    Truth after_;
    std::unique_ptr<CpuTimeSource> times_;
    host::VmUsage usage_;
    Meter meter_;
    SnapshotPtr first_;
    SnapshotPtr last_;
    nanoseconds next_{0};
    std::uint64_t sum_error_uj_ = 0;
    std::uint64_t ticks_ = 0;
};

} // namespace

std::vector<LiveLoad> live_loads() {
    using enum LivePattern;
    return {
        {"steady",
         {{"third", steady}, {"tenth", steady, 1ms, 10ms}, {"little", steady, 300us, 10ms}}},
        {"bursty",
         {{"quick", bursty, 70ms, 170ms}, {"slow", bursty, 700ms, 2300ms}, {"calm", steady}}},
        {"many-threads",
         {{"threads-1", many_threads, 400us, 40ms},
          {"threads-2", many_threads, 200us, 60ms},
          {"alone", steady}}},
        {"thread-churn", {{"churn", thread_churn, 8ms, 20ms}, {"calm", steady}}},
        {"noisy-neighbour",
         {{"noisy", noisy, 2300ms, 4600ms}, {"calm", steady}, {"little", steady, 500us, 10ms}}},
        {"two-socket",
         {{"left", steady, 4ms, 10ms, 0},
          {"right", bursty, 300ms, 1100ms, 1},
          {"wanderer", wanderer}},
         true},
        {"short-lives", {{"starts-much", short_lives, 20ms, 45ms}, {"calm", steady}}},
    };
}

std::vector<Row> measure(const LiveLoad& load, const std::vector<LiveMeter>& meters,
                         nanoseconds length) {
    const Urgent no_waiting;
    const CpuTopologyPtr topology = topology_for(load);
    std::vector<LiveVm> vms;
    vms.reserve(load.vms.size());
    for (const LivePlan& plan : load.vms) {
        vms.emplace_back(plan, topology);
    }
    std::vector<std::unique_ptr<Pipeline>> pipelines;
    for (const LiveMeter& meter : meters) {
        pipelines.push_back(std::make_unique<Pipeline>(meter, vms, topology));
        pipelines.back()->begin();
    }
    const nanoseconds end = clock_time(CLOCK_MONOTONIC) + length;
    while (true) {
        const auto& due =
            *std::min_element(pipelines.begin(), pipelines.end(),
                              [](const auto& a, const auto& b) { return a->next() < b->next(); });
        if (due->next() > end) {
            break;
        }
        std::this_thread::sleep_for(due->next() - clock_time(CLOCK_MONOTONIC));
        due->go_on();
    }
    std::vector<Row> rows;
    for (const auto& pipeline : pipelines) {
        rows.push_back(pipeline->result(load.name, length));
    }
    return rows;
}

} // namespace wattvisor::accuracy
