// SPDX-License-Identifier: Apache-2.0
// Each scenario that comes with the project, in virtual time, held against what must be true of any
// host: energy is conserved to the femtojoule, no CPU works more than time passes, and what the
// files say is the truth to the kernel's granularity.
#include "common/base/text_file.hpp"
#include "common/usage/proc_text.hpp"
#include "tests/simulated-host/host_tree.hpp"
#include "tests/simulated-host/ideal_meter.hpp"
#include "tests/simulated-host/proc_format.hpp"
#include "tests/simulated-host/scenario_reader.hpp"
#include "tests/support/fake_tree.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::vector<std::string> scenario_names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(WATTVISOR_SCENARIOS)) {
        names.push_back(entry.path().stem().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

// On tmpfs where there is one: a hundred thousand files are nothing for a disk.
class OnTmpfs {
public:
    OnTmpfs() {
        if (fs::is_directory("/dev/shm")) {
            ::setenv("TMPDIR", "/dev/shm", 0);
        }
    }
};

class ScenarioFiles : public ::testing::TestWithParam<std::string> {
protected:
    ScenarioFiles()
        : host_(load_scenario(fs::path(WATTVISOR_SCENARIOS) / (GetParam() + ".yaml"))) {}

    SimulatedHost host_;
    OnTmpfs on_tmpfs_;
    test::FakeTree files_;
};

std::uint64_t sum(const SocketNanos& times) {
    return std::accumulate(times.begin(), times.end(), std::uint64_t{0});
}

void expect_energy_is_conserved(const HostTruth& truth) {
    for (std::size_t zone = 0; zone < truth.zones.size(); ++zone) {
        if (truth.zones[zone].role != ZoneRole::mmio) {
            ASSERT_EQ(truth.charged(zone), truth.zones[zone].total) << truth.zones[zone].folder;
        }
    }
}

void expect_time_is_conserved(const SimulatedHost& host, const HostTruth& truth) {
    const auto passed =
        static_cast<std::uint64_t>((host.now() + host.scenario().host.booted_before).count());
    SocketNanos busy(host.grid().sockets());
    for (std::size_t cpu = 0; cpu < host.grid().cpus().size(); ++cpu) {
        const CpuTimes& times = host.grid().cpus()[cpu];
        ASSERT_EQ(times.busy() + times.idle, passed) << "CPU " << cpu;
        ASSERT_LE(times.guest, times.user);
        busy[host.grid().socket_of(static_cast<unsigned>(cpu))] += times.busy();
    }
    ASSERT_EQ(truth.busy(), busy);
    for (const ConsumerTruth& vm : truth.vms) {
        std::uint64_t parts = 0;
        for (const SocketNanos& component : vm.components) {
            parts += sum(component);
        }
        ASSERT_EQ(parts, vm.cpu_ns()) << vm.name;
    }
}

// utime and stime are each cut to 10 ms, from what the process used in all.
void expect_stat_is_true(const fs::path& proc, const SimulatedHost& host) {
    for (const auto& [pid, process] : host.population().processes()) {
        const auto text = read_text(proc / std::to_string(pid) / "stat");
        ASSERT_TRUE(text);
        const auto stat = parse_pid_stat(*text);
        ASSERT_TRUE(stat) << *text;
        const CpuSplit used = process.used();
        ASSERT_EQ(stat->user_ticks, used.user / kNanosPerTick);
        ASSERT_EQ(stat->system_ticks, used.system / kNanosPerTick);
        ASSERT_EQ(stat->start_ticks, process.start_ticks());
        ASSERT_EQ(stat->comm, process.comm);
    }
}

void expect_machine_is_true(const fs::path& proc, const SimulatedHost& host) {
    const auto text = read_text(proc / "stat");
    ASSERT_TRUE(text);
    CpuTimes all;
    for (const CpuTimes& cpu : host.grid().cpus()) {
        all.user += cpu.user;
        all.system += cpu.system;
        all.irq += cpu.irq;
    }
    ASSERT_EQ(parse_all_cpus(*text)->busy,
              all.user / kNanosPerTick + all.system / kNanosPerTick + all.irq / kNanosPerTick);
}

TEST_P(ScenarioFiles, IsTrueToItself) {
    auto tree = HostTree::create(files_.root(), host_);
    ASSERT_TRUE(tree) << tree.error().message();
    IdealMeter ideal(IdealMeter::Consumers::vms);
    ideal.look(host_.truth());
    // The big one is slow with sanitizers: a few looks do.
    const bool is_big = host_.scenario().vms.size() > 100;
    const nanoseconds end = is_big ? 1s : host_.scenario().duration;
    while (host_.now() < end) {
        host_.advance(1s);
        auto written = tree->write(host_);
        ASSERT_TRUE(written) << written.error().message();
        const HostTruth truth = host_.truth();
        expect_energy_is_conserved(truth);
        expect_time_is_conserved(host_, truth);
        expect_stat_is_true(tree->proc(), host_);
        expect_machine_is_true(tree->proc(), host_);
        ideal.look(truth);
        if (HasFatalFailure()) {
            return;
        }
    }
    const HostTruth truth = host_.truth();
    for (std::size_t zone = 0; zone < truth.zones.size(); ++zone) {
        Energy charged;
        for (const std::string& key : ideal.keys()) {
            charged += ideal.energy(key, zone);
        }
        EXPECT_EQ(charged, truth.zones[zone].total) << truth.zones[zone].folder;
        EXPECT_GT(truth.zones[zone].total.uj(), 0U);
    }
    EXPECT_GT(truth.vms.front().cpu_ns(), 0U);
}

INSTANTIATE_TEST_SUITE_P(All, ScenarioFiles, ::testing::ValuesIn(scenario_names()),
                         [](const auto& scenario) {
                             std::string name = scenario.param;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

TEST(ScenarioFilesTest, AreAllThere) {
    EXPECT_THAT(
        scenario_names(),
        ::testing::IsSupersetOf({"amd-server", "bursty", "frozen-and-vanishing", "laptop-psys-mmio",
                                 "many-threads", "noisy-neighbour", "steady", "thousand-vms",
                                 "thread-churn", "two-socket", "wraps-and-resets"}));
}

} // namespace
} // namespace wattvisor::simulated
