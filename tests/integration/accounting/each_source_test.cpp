// SPDX-License-Identifier: Apache-2.0
// The same tests of the ledger over each source of CPU times, with live processes of this machine:
// clocks and the BPF program tell the same story. Skipped only where a source cannot be had.
#include "common/accounting/meter.hpp"
#include "common/base/clock_time.hpp"
#include "common/usage/bpf_time_source.hpp"
#include "common/usage/clock_time_source.hpp"
#include "common/usage/open_cpu_time.hpp"
#include "common/usage/process_usage.hpp"
#include "host-agent/vm_usage.hpp"
#include "tests/unit/common/usage/ending_child.hpp"
#include "tests/unit/common/usage/live_child.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wattvisor {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using test::EndingChild;
using test::LiveChild;
using test::SeenTimes;

// Exit records lack up to a timer tick (10 ms at 100 Hz); asking and answering costs time too.
constexpr nanoseconds kSlack = 20ms;

void expect_about(nanoseconds time, nanoseconds expected) {
    EXPECT_GE(time, expected - kSlack);
    EXPECT_LE(time, expected + kSlack);
}

// Two packages' worth of zones on one socket, and a joule and a bit in each tick.
class SteppingEnergy final : public EnergySource {
public:
    [[nodiscard]] Result<EnergySample> read(nanoseconds now) override {
        constexpr std::uint64_t kPrime = 1'000'003; // divides evenly among nobody
        counter_uj_ += kPrime;
        EnergySample sample;
        sample.zones = zones_;
        sample.counters_uj.assign(zones_->size(), counter_uj_);
        sample.epoch = "test";
        sample.time = now;
        sample.sequence = ++reads_;
        return sample;
    }

private:
    ZoneListPtr zones_ = std::make_shared<const ZoneList>(
        ZoneList{{"intel-rapl:0", "package-0", ZoneKind::package, 0, 262'143'328'850},
                 {"intel-rapl:0:0", "dram", ZoneKind::dram, 0, 262'143'328'850}});
    std::uint64_t counter_uj_ = 0;
    std::uint64_t reads_ = 0;
};

host::Vm vm_of(pid_t pid, const std::string& uuid) {
    host::Vm vm;
    vm.uuid = vm.name = uuid;
    vm.libvirt_id = 1;
    vm.pid = pid;
    return vm;
}

const ConsumerAccount* find(const Snapshot& snapshot, const std::string& key) {
    for (const ConsumerAccount& consumer : snapshot.consumers) {
        if (consumer.consumer->key == key) {
            return &consumer;
        }
    }
    return nullptr;
}

// On a word of the test's it starts a child, which lives such a life and ends; then it waits on.
class ParentOf {
public:
    explicit ParentOf(EndingChild::Life life)
        : qemu_([life = std::move(life)](SeenTimes& seen) {
              await(seen.ns[kBegun]);
              const pid_t child = ::fork();
              if (child == 0) {
                  life(seen);
                  ::_exit(0);
              }
              ::waitpid(child, nullptr, 0);
              seen.ns[kEnded] = 1;
              ::pause();
          }) {
        if (::clock_getcpuclockid(qemu_.pid(), &clock_) != 0) {
            throw std::runtime_error("no clock");
        }
    }

    [[nodiscard]] pid_t pid() const { return qemu_.pid(); }
    [[nodiscard]] SeenTimes& seen() { return qemu_.seen(); }
    [[nodiscard]] nanoseconds own_time() const { return clock_time(clock_); } // not the child's
    void begin() { seen().ns[kBegun] = 1; }
    void await_end() { await(seen().ns[kEnded]); }
    static void await(const std::atomic<std::int64_t>& word) {
        while (word == 0) {
            ::sched_yield();
        }
    }

private:
    static constexpr std::size_t kBegun = 14; // the others are the child's
    static constexpr std::size_t kEnded = 15;

    EndingChild qemu_;
    clockid_t clock_{};
};

class EachSource : public testing::TestWithParam<CpuTimeChoice> {
protected:
    void SetUp() override {
        try {
            const CpuTopologyPtr real = host_topology("/sys");
            times = open_cpu_time(
                GetParam(), "/proc",
                std::make_shared<const CpuTopology>(single_socket(real->total_cpus())));
        } catch (const StartError& error) {
            ASSERT_EQ(GetParam(), CpuTimeChoice::bpf) << error.what();
            GTEST_SKIP() << error.what();
        }
        ASSERT_EQ(times->name(), GetParam() == CpuTimeChoice::bpf ? "bpf" : "clock");
        vms = std::make_unique<host::VmUsage>(host::VmProcessRoots(), *times);
        processes = std::make_unique<ProcessUsage>("/proc", *times);
    }

    // Every tick of every test holds the sums.
    const Snapshot& tick(ConsumerSource& consumers) {
        const nanoseconds now = clock_time(CLOCK_MONOTONIC);
        snapshot = meter.tick(
            {now, std::chrono::system_clock::now(), ++ticks, 0, clock_time(CLOCK_BOOTTIME)}, energy,
            consumers);
        EXPECT_EQ(snapshot->conservation_error_uj, 0U);
        if (first.empty()) {
            for (const ZoneAccount& zone : snapshot->zones) {
                first.push_back(zone.counter_uj);
            }
        }
        for (std::size_t i = 0; i < snapshot->zones.size(); ++i) {
            const ZoneAccount& zone = snapshot->zones[i];
            std::uint64_t parts = zone.other_uj + zone.idle_uj + zone.ended_uj;
            for (const ConsumerAccount& consumer : snapshot->consumers) {
                parts += consumer.total_uj[i];
            }
            EXPECT_EQ(parts, zone.counter_uj - first[i]) << zone.zone.id;
        }
        return *snapshot;
    }
    nanoseconds time_of(const std::string& key) const {
        const ConsumerAccount* account = find(*snapshot, key);
        return account == nullptr ? nanoseconds(-1) : account->cpu_time;
    }
    std::uint64_t energy_of(const std::string& key) const {
        const ConsumerAccount* account = find(*snapshot, key);
        return account == nullptr ? 0 : account->energy_uj(snapshot->zones);
    }

    std::unique_ptr<CpuTimeSource> times;
    std::unique_ptr<host::VmUsage> vms;
    std::unique_ptr<ProcessUsage> processes;
    SteppingEnergy energy;
    Meter meter{{"test", 1s, 1h, {}}, Ledger(Residual::idle)};
    SnapshotPtr snapshot;
    std::vector<std::uint64_t> first;
    std::uint64_t ticks = 0;
};

TEST_P(EachSource, SharesOutAllOfTheEnergyAmongVms) {
    LiveChild one;
    LiveChild two;
    vms->update({vm_of(one.pid(), "one"), vm_of(two.pid(), "two")});
    for (int i = 0; i < 10; ++i) {
        tick(*vms);
        one.burn();
    }
    two.end();
    tick(*vms);
    vms->update({vm_of(one.pid(), "one")});
    tick(*vms);
    tick(*vms);
    EXPECT_GT(energy_of("one"), 0U);
}

TEST_P(EachSource, SharesOutAllOfTheEnergyAmongProcesses) {
    for (int i = 0; i < 10; ++i) {
        LiveChild child; // a new one in each tick
        tick(*processes);
        child.burn();
    }
    tick(*processes);
}

TEST_P(EachSource, GivesABusyVmItsPart) {
    LiveChild busy;
    LiveChild calm;
    vms->update({vm_of(busy.pid(), "busy"), vm_of(calm.pid(), "calm")});
    const nanoseconds busy_before = busy.burn();
    const nanoseconds calm_before = calm.burn();
    tick(*vms);
    const nanoseconds busy_first = time_of("busy");
    const nanoseconds calm_first = time_of("calm");
    busy.burn();
    busy.burn();
    const nanoseconds busy_used = busy.burn() - busy_before;
    const nanoseconds calm_used = calm.burn() - calm_before;
    tick(*vms);
    expect_about(time_of("busy") - busy_first, busy_used);
    expect_about(time_of("calm") - calm_first, calm_used);
    // All in one tick, so energy is as CPU time, whatever else the machine did.
    const double by_time = static_cast<double>((time_of("busy") - busy_first).count()) /
                           static_cast<double>((time_of("calm") - calm_first).count());
    EXPECT_NEAR(static_cast<double>(energy_of("busy")) / static_cast<double>(energy_of("calm")),
                by_time, 0.001 * by_time);
}

// Compilers and shells live for less than a tick: whoever looks at the living loses their time.
TEST_P(EachSource, ChargesAProcessThatLivedShorterThanATickByItsName) {
    if (!times->sees_ends()) {
        GTEST_SKIP() << "exit records cannot be had here";
    }
    tick(*processes);
    EndingChild child([](SeenTimes& seen) {
        ::prctl(PR_SET_NAME, "brief-work");
        test::burn(seen.ns[0], 60ms);
    });
    const nanoseconds used = child.wait();
    tick(*processes);
    EXPECT_GE(time_of("short-lived:brief-work"), 60ms - kSlack);
    EXPECT_LE(time_of("short-lived:brief-work"), used + kSlack); // its ending, and interrupts
    EXPECT_GT(energy_of("short-lived:brief-work"), 0U);
}

TEST_P(EachSource, ChargesAVmForWhatItStartedAndNobodySaw) {
    if (!times->sees_ends()) {
        GTEST_SKIP() << "exit records cannot be had here";
    }
    ParentOf qemu([](SeenTimes& seen) { test::burn(seen.ns[0], 60ms); });
    vms->update({vm_of(qemu.pid(), "vm")});
    tick(*vms);
    const nanoseconds before = time_of("vm") - qemu.own_time();
    qemu.begin();
    qemu.await_end();
    const nanoseconds own = qemu.own_time();
    tick(*vms);
    EXPECT_GE(time_of("vm") - before - own, 60ms - kSlack);
}

// A script that QEMU runs when it makes a network, and the commands in it.
TEST_P(EachSource, ChargesAVmForWhatItsShortLivesStartedInTurn) {
    if (!times->sees_ends()) {
        GTEST_SKIP() << "exit records cannot be had here";
    }
    ParentOf qemu([](SeenTimes& seen) {
        const pid_t command = ::fork();
        if (command == 0) {
            test::burn(seen.ns[0], 60ms);
            ::_exit(0);
        }
        ::waitpid(command, nullptr, 0);
    });
    vms->update({vm_of(qemu.pid(), "vm")});
    tick(*vms);
    const nanoseconds before = time_of("vm") - qemu.own_time();
    qemu.begin();
    qemu.await_end();
    tick(*vms);
    EXPECT_GE(time_of("vm") - before - qemu.own_time(), 60ms - kSlack);
}

// A child that works while the agent looks, long after the looks for helpers that follow a start.
TEST_P(EachSource, ChargesAVmForAChildThatIsAtWork) {
    if (times->name() != "bpf") {
        EXPECT_TRUE(times->young_processes().empty()) << "clocks know of none";
        return;
    }
    ParentOf qemu([](SeenTimes& seen) {
        test::burn(seen.ns[0], 60ms);
        seen.ns[1] = 1;
        ParentOf::await(seen.ns[2]);
    });
    vms->update({vm_of(qemu.pid(), "vm")});
    for (int i = 0; i < 10; ++i) {
        tick(*vms);
    }
    const nanoseconds before = time_of("vm") - qemu.own_time();
    qemu.begin();
    ParentOf::await(qemu.seen().ns[1]);
    tick(*vms);
    EXPECT_GE(time_of("vm") - before - qemu.own_time(), 60ms - kSlack);
    qemu.seen().ns[2] = 1;
    qemu.await_end();
    tick(*vms);
    tick(*vms); // by now its end is known, and it must not be charged as a short life once more
    EXPECT_LE(time_of("vm") - before - qemu.own_time(), 60ms + 2 * kSlack);
}

// The kernel writes down what a thread ran when it leaves the CPU. A vCPU that never does would be
// charged nothing for as long as it works most.
TEST_P(EachSource, ChargesAThreadThatNeverSleepsAtEveryTick) {
    EndingChild vcpu([](SeenTimes&) {
        for (volatile bool on = true; on;) {
        }
    });
    vms->update({vm_of(vcpu.pid(), "vm")});
    clockid_t clock{};
    ASSERT_EQ(::clock_getcpuclockid(vcpu.pid(), &clock), 0);
    tick(*vms);
    const nanoseconds before = time_of("vm");
    const nanoseconds begin = clock_time(clock);
    nanoseconds last = before;
    for (int i = 1; i <= 5; ++i) {
        while (clock_time(clock) - begin < i * 30ms) {
            ::sched_yield();
        }
        tick(*vms);
        EXPECT_GT(time_of("vm"), last) << i;
        expect_about(time_of("vm") - before, clock_time(clock) - begin);
        last = time_of("vm");
    }
}

TEST_P(EachSource, ChargesTheLastPartOfAVmThatEnded) {
    if (!times->sees_ends()) {
        GTEST_SKIP() << "exit records cannot be had here";
    }
    LiveChild qemu;
    vms->update({vm_of(qemu.pid(), "vm")});
    const nanoseconds begin = qemu.burn();
    tick(*vms);
    const nanoseconds before = time_of("vm");
    const nanoseconds used = qemu.burn() - begin;
    qemu.end();
    vms->update({});
    tick(*vms);
    expect_about(time_of("vm") - before, used);
    EXPECT_GT(energy_of("vm"), 0U);
    tick(*vms);
    EXPECT_EQ(find(*snapshot, "vm"), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Sources, EachSource,
                         testing::Values(CpuTimeChoice::clock, CpuTimeChoice::bpf),
                         [](const auto& choice) {
                             return choice.param == CpuTimeChoice::bpf ? "bpf" : "clock";
                         });

} // namespace
} // namespace wattvisor
