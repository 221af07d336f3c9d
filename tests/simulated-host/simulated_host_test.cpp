// SPDX-License-Identifier: Apache-2.0
#include "common/base/error.hpp"
#include "tests/simulated-host/simulated_host.hpp"

#include <gmock/gmock.h>

#include <numeric>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

VmSpec vm_of(const std::string& name, unsigned vcpus, Millionths cpus) {
    VmSpec vm;
    vm.name = name;
    vm.vcpus = vcpus;
    vm.load = steady(cpus);
    return vm;
}

Scenario small_scenario() {
    Scenario scenario;
    scenario.power.dram = ZoneSpec{2'000'000, 1'000'000};
    scenario.vms = {vm_of("busy", 2, kWhole), vm_of("light", 1, kWhole / 10)};
    ProcessSpec process;
    process.name = "backup";
    process.load = steady(kWhole / 2);
    scenario.processes = {process};
    return scenario;
}

void expect_conserved(const HostTruth& truth) {
    for (std::size_t zone = 0; zone < truth.zones.size(); ++zone) {
        if (truth.zones[zone].role != ZoneRole::mmio) {
            EXPECT_EQ(truth.charged(zone), truth.zones[zone].total) << truth.zones[zone].folder;
        }
    }
}

TEST(SimulatedHost, ChargesByCpuTimeOfTheSocket) {
    SimulatedHost host(small_scenario());
    host.advance(10s);
    const HostTruth truth = host.truth();
    // 2 + 0.1 + 0.5 CPUs are busy.
    EXPECT_EQ(truth.vm("busy")->cpu_ns(), 20'000'000'000U);
    EXPECT_EQ(truth.vm("light")->cpu_ns(), 1'000'000'000U);
    EXPECT_EQ(truth.zones[0].total.uj(), 460'000'000U); // (20 + 26) W for 10 s
    EXPECT_EQ(truth.vm("busy")->energy[0].uj(), 460'000'000UL * 20 / 26);
    EXPECT_EQ(truth.other_than_vms(0).uj(), 460'000'000UL * 5 / 26);
    expect_conserved(truth);
}

// All idle power charged to every VM, or to nobody: Kepler #973, Scaphandre #378. At the infinite
// resolution of the truth, what nobody runs for is idle.
TEST(SimulatedHost, IdlesWhileNobodyRuns) {
    Scenario scenario;
    scenario.vms = {vm_of("sleeper", 1, 0)};
    SimulatedHost host(scenario);
    host.advance(1s);
    const HostTruth truth = host.truth();
    EXPECT_EQ(truth.idle.energy[0].uj(), 20'000'000U);
    EXPECT_EQ(truth.vm("sleeper")->energy[0].uj(), 0U);
}

// All sockets added up before the split (Kepler): here one VM has a socket for itself.
TEST(SimulatedHost, KeepsSocketsApart) {
    Scenario scenario;
    scenario.host.sockets = 2;
    scenario.vms = {vm_of("left", 1, kWhole), vm_of("right", 4, kWhole)};
    scenario.vms[0].placement.socket = 0;
    scenario.vms[1].placement.socket = 1;
    SimulatedHost host(scenario);
    host.advance(1s);
    const HostTruth truth = host.truth();
    EXPECT_EQ(truth.vm("left")->energy[0].uj(), 30'000'000U);
    EXPECT_EQ(truth.vm("left")->energy[1].uj(), 0U);
    EXPECT_EQ(truth.vm("right")->energy[1].uj(), 60'000'000U);
    EXPECT_EQ(truth.vm("right")->cpu, (SocketNanos{0, 4'000'000'000}));
}

TEST(SimulatedHost, NeverWorksMoreThanItsCpusCan) {
    Scenario scenario;
    scenario.host.irq = 10'000;
    scenario.vms = {vm_of("greedy", 12, kWhole), vm_of("victim", 4, kWhole)};
    SimulatedHost host(scenario);
    host.advance(1s);
    const HostTruth truth = host.truth();
    EXPECT_EQ(truth.busy()[0], 4'000'000'000U);
    EXPECT_EQ(truth.other.cpu[0], 40'000'000U);
    EXPECT_NEAR(static_cast<double>(truth.vm("victim")->cpu_ns()), 0.99e9, 1e5);
    for (const CpuTimes& cpu : host.grid().cpus()) {
        EXPECT_EQ(cpu.busy() + cpu.idle, 3'601'000'000'000U);
    }
    expect_conserved(truth);
}

TEST(SimulatedHost, IsTheSameInEveryRunAndAtEveryPace) {
    Scenario scenario = small_scenario();
    scenario.vms[0].load.phases[0].pattern = LoadPattern::random;
    scenario.vms[0].load.phases[0].period = 70ms;
    SimulatedHost one(scenario);
    SimulatedHost other(scenario);
    one.advance(3s);
    for (int i = 0; i < 300; ++i) {
        other.advance(10ms);
    }
    EXPECT_EQ(one.truth().vm("busy")->cpu, other.truth().vm("busy")->cpu);
    EXPECT_EQ(one.truth().zones[0].total, other.truth().zones[0].total);
}

// Threads that ended between two looks: their time is lost where only living ones are added up
// (Scaphandre). The process' own time and the truth have it.
TEST(SimulatedHost, KeepsTheTimeOfThreadsThatEnded) {
    Scenario scenario;
    scenario.vms = {vm_of("churn", 1, 0)};
    ThreadSpec worker;
    worker.load = steady(kWhole);
    worker.every = 100ms;
    worker.lives = 30ms;
    scenario.vms[0].threads = {worker};
    SimulatedHost host(scenario);
    host.advance(1050ms);
    const Process& qemu = host.population().processes().at(host.population().vms()[0].pid);
    EXPECT_EQ(qemu.tasks.size(), 2U); // between two births nobody but QEMU's own
    EXPECT_EQ(qemu.ended_threads.total(), 300'000'000U);
    EXPECT_EQ(host.truth().vm("churn")->cpu_ns(), 300'000'000U);
}

TEST(SimulatedHost, ListsShortLivedProcessesForAWhile) {
    Scenario scenario;
    scenario.keep_ended = 1s;
    ProcessSpec compiler;
    compiler.name = "cc1";
    compiler.load = steady(kWhole);
    compiler.every = 100ms;
    compiler.lives = 50ms;
    scenario.processes = {compiler};
    SimulatedHost host(scenario);
    host.advance(5s);
    const HostTruth truth = host.truth();
    const auto ended = std::count_if(truth.processes.begin(), truth.processes.end(),
                                     [](const ConsumerTruth& each) { return each.ended; });
    EXPECT_NEAR(static_cast<double>(ended), 10, 1);
    EXPECT_GT(truth.ended.cpu_ns(), 0U);
    EXPECT_EQ(truth.busy()[0], 49U * 50'000'000);
    expect_conserved(truth);
}

// Keyed on the name or the pid, a new start inherits what it did not use, or loses what it did.
TEST(SimulatedHost, GoesOnWithAVmThatStartsAnew) {
    Scenario scenario;
    scenario.vms = {vm_of("web", 1, kWhole)};
    Event restart;
    restart.at = 1s;
    restart.kind = EventKind::vm_restart;
    restart.target = "web";
    restart.same_pid = true;
    scenario.events = {restart};
    SimulatedHost host(scenario);
    const VirtualMachine before = host.population().vms()[0];
    host.advance(2s);
    const VirtualMachine& after = host.population().vms()[0];
    EXPECT_EQ(after.pid, before.pid);
    EXPECT_NE(after.libvirt_id, before.libvirt_id);
    EXPECT_EQ(host.population().processes().at(after.pid).used().total(), 1'000'000'000U);
    EXPECT_EQ(host.truth().vm("web")->cpu_ns(), 2'000'000'000U);
}

TEST(SimulatedHost, PassesSuspendedTimeOnTheBootClockOnly) {
    Scenario scenario;
    Event suspend;
    suspend.at = 1s;
    suspend.kind = EventKind::suspend;
    suspend.lasts = 1h;
    scenario.events = {suspend};
    SimulatedHost host(scenario);
    host.advance(2s);
    EXPECT_EQ(host.now(), 2s);
    EXPECT_EQ(host.since_boot(), 2h + 2s);
    EXPECT_EQ(host.zones().zones()[0].shown_uj(), 20'000'000U); // reset at resume
    EXPECT_EQ(host.zones().zones()[0].total.uj(), 40'000'000U);
}

TEST(SimulatedHost, RefusesEventsForWhatIsNotThere) {
    Scenario scenario;
    Event event;
    event.target = "intel-rapl:7";
    scenario.events = {event};
    try {
        const SimulatedHost host(scenario);
        FAIL() << "took an event for a zone that it has not";
    } catch (const StartError& error) {
        EXPECT_THAT(error.what(), HasSubstr("intel-rapl:7"));
    }
}

} // namespace
} // namespace wattvisor::simulated
