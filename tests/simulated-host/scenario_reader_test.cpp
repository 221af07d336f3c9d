// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/scenario_fields.hpp"
#include "tests/simulated-host/scenario_reader.hpp"

#include <gmock/gmock.h>

namespace wattvisor::simulated {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string problems_of(std::string_view text) {
    return describe(read_scenario(text, "s.yaml").problems);
}

TEST(ScenarioReader, HasDefaultsForAll) {
    const auto reading = read_scenario("", "s.yaml");
    EXPECT_TRUE(reading.problems.empty());
    EXPECT_EQ(reading.scenario.host.cpus_per_socket, 4U);
    EXPECT_EQ(reading.scenario.power.package.idle_uw, 20'000'000U);
    EXPECT_FALSE(reading.scenario.power.dram);
}

TEST(ScenarioReader, ReadsHostAndPower) {
    const auto reading = read_scenario("title: T\n"
                                       "quantum: 5ms\n"
                                       "host: {sockets: 2, irq: 0.01, cgroup: v1}\n"
                                       "power:\n"
                                       "  package: {idle_watts: 12.5, range_uj: 1000}\n"
                                       "  dram: {watts_per_cpu: 0.000001}\n"
                                       "  psys: {idle_watts: 3}\n"
                                       "  mmio: {start_uj: 7}\n",
                                       "s.yaml");
    ASSERT_EQ(describe(reading.problems), "");
    const Scenario& scenario = reading.scenario;
    EXPECT_EQ(scenario.quantum, 5ms);
    EXPECT_EQ(scenario.host.irq, 10'000U);
    EXPECT_EQ(scenario.host.cgroup, CgroupVersion::v1);
    EXPECT_EQ(scenario.power.package.idle_uw, 12'500'000U);
    EXPECT_EQ(scenario.power.package.range_uj, 1000U);
    EXPECT_EQ(scenario.power.dram->per_cpu_uw, 1U);
    EXPECT_EQ(scenario.power.psys->idle_uw, 3'000'000U);
    EXPECT_EQ(scenario.power.mmio->start_uj, 7U);
    EXPECT_FALSE(scenario.power.core);
}

TEST(ScenarioReader, ReadsVmsWithTheirThreads) {
    const auto reading = read_scenario(
        "vms:\n"
        "  - name: web-{n}\n"
        "    count: 3\n"
        "    vcpus: 2\n"
        "    load: {pattern: bursty, cpus: 0.8, low: 0.1, period: 2s, duty: 0.25, seed: 9}\n"
        "    threads:\n"
        "      - {kind: vhost, kernel_thread: true, load: {cpus: 0.1, system: 1}}\n"
        "      - {kind: worker, every: 50ms, lives: 20ms, load: {cpus: 1}}\n",
        "s.yaml");
    ASSERT_EQ(describe(reading.problems), "");
    ASSERT_EQ(reading.scenario.vms.size(), 3U);
    const VmSpec& vm = reading.scenario.vms[2];
    EXPECT_EQ(vm.name, "web-3");
    EXPECT_EQ(vm.load.phases[0].pattern, LoadPattern::bursty);
    EXPECT_EQ(vm.load.phases[0].duty, 250'000U);
    EXPECT_EQ(vm.load.seed, 9U);
    EXPECT_TRUE(vm.threads[0].kernel_thread);
    EXPECT_EQ(vm.threads[1].every, 50ms);
}

TEST(ScenarioReader, ReadsEvents) {
    const auto reading =
        read_scenario("vms: [{name: web}]\n"
                      "events:\n"
                      "  - {at: 3s, do: counter-jump, zone: \"intel-rapl:0\", by_uj: -5}\n"
                      "  - {at: 4s, do: suspend, lasts: 1h}\n"
                      "  - {at: 5s, do: vm-rename, vm: web, to: www}\n"
                      "  - {at: 6s, do: vm-restart, vm: www, same_pid: true}\n",
                      "s.yaml");
    ASSERT_EQ(describe(reading.problems), "");
    const auto& events = reading.scenario.events;
    EXPECT_EQ(events[0].value, -5);
    EXPECT_EQ(events[1].lasts, 1h);
    EXPECT_EQ(events[2].text, "www");
    EXPECT_TRUE(events[3].same_pid);
}

TEST(ScenarioReader, SaysWhereAMistakeIsAndWhatWasMeant) {
    EXPECT_EQ(problems_of("host:\n  socket: 2\n"),
              "s.yaml:2:3: unknown key \"socket\" in host; did you mean \"sockets\"?");
    EXPECT_THAT(problems_of("power:\n  package: {idle_watts: 1,5}\n"), HasSubstr("s.yaml:2:"));
    EXPECT_THAT(problems_of("power:\n  package: {idle_watts: ten}\n"),
                HasSubstr("s.yaml:2:25: idle_watts must be a number from 0 to 1000"));
}

TEST(ScenarioReader, SeesWhatOnlyTheWholeShows) {
    const std::vector<std::pair<const char*, const char*>> mistakes{
        {"vms: [{name: a, socket: 1}]", "socket must be a whole number from 0 to 0"},
        {"vms: [{name: a, count: 2}]", "the name must have {n} in it"},
        {"vms: [{name: a}, {name: a}]", "there is a VM with this name"},
        {"vms: [{name: a/b}]", "without / and line feeds"},
        {"vms: [{name: a, uuid: X}]", "uuid must be 32 lower-case"},
        {"vms: [{name: a, load: {pattern: ramp, cpus: 1}}]", "a ramp needs its end"},
        {"vms: [{name: a, load: {cpus: 1.5}}]", "cpus must be a number from 0 to 1"},
        {"vms: [{name: a, load: {pattern: steady}}]", "cpus: 0.5"},
        {"vms: [{name: a, threads: [{kind: worker, every: 1s}]}]", "every and lives go together"},
        {"vms: [{name: a, threads: [{kind: swtpm, kernel_thread: true}]}]", "only vhost workers"},
        {"processes: [{name: p, kernel_thread: true, threads: 2}]", "is one thread"},
        {"host: {cpus_per_socket: 4, nodes_per_socket: 3}", "without a rest"},
        {"events: [{at: 1s, do: counter-reset, zone: \"intel-rapl:3\"}]", "it has intel-rapl:0"},
        {"events: [{at: 1s, do: vm-stop, vm: b}]", "there is no VM of this name"},
        {"events: [{at: 1s, do: explode}]", "do must be counter-reset"},
        {"events: [{at: 1s, do: counter-jump}]", "by_uj: 5000000"},
    };
    for (const auto& [text, problem] : mistakes) {
        EXPECT_THAT(problems_of(text), HasSubstr(problem)) << text;
    }
}

TEST(ParseMillionths, IsExactOrNothing) {
    EXPECT_EQ(parse_millionths("12.5"), 12'500'000U);
    EXPECT_EQ(parse_millionths("0.000001"), 1U);
    EXPECT_EQ(parse_millionths("3"), 3'000'000U);
    for (const char* text : {"", ".", ".5", "5.", "1e3", "-1", "0.0000001", "1,5", "nan", " 1"}) {
        EXPECT_FALSE(parse_millionths(text)) << text;
    }
}

} // namespace
} // namespace wattvisor::simulated
