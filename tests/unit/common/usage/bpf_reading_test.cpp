// SPDX-License-Identifier: Apache-2.0
#include "common/usage/bpf_reading.hpp"
#include "tests/unit/common/usage/fake_bpf_maps.hpp"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>
#include <string>

namespace wattvisor {
namespace {

using test::FakeKernel;
using test::key_of;
using test::KeyOrder;

std::map<bpf::ProcessKey, std::uint64_t, KeyOrder> times(const BpfReading& reading) {
    std::map<bpf::ProcessKey, std::uint64_t, KeyOrder> result;
    for (const BpfEntries* part : {&reading.entries, &reading.running}) {
        for (std::size_t i = 0; i < part->keys.size(); ++i) {
            result[part->keys[i]] = part->values[i].ns;
        }
    }
    return result;
}

std::uint64_t busy(const BpfReading& reading) {
    return std::accumulate(
        reading.slots.begin(), reading.slots.end(), std::uint64_t{0},
        [](std::uint64_t sum, const bpf::CpuSlot& slot) { return sum + slot.busy_ns; });
}

// The per-CPU run time of /proc/schedstat stands still while one thread keeps a CPU, and jumps when
// it lets go: a vCPU that computes for seconds has no time, and then the time of seconds at once.
TEST(BpfReading, CountsWhatRunsRightNow) {
    FakeKernel kernel(2);
    kernel.switch_to(0, 7);
    kernel.clock += 5'000;
    kernel.switch_to(0, 0);
    kernel.switch_to(1, 7);
    kernel.clock += 3'000'000;

    BpfReading reading;
    ASSERT_TRUE(take_reading(kernel, reading));

    EXPECT_EQ(times(reading).at(key_of(7)), 3'005'000U);
    EXPECT_EQ(busy(reading), 3'005'000U);
}

// A kernel that does not show all switches: the CPU may be idle by now.
TEST(BpfReading, DoesNotCountOnWhereNobodyCanTellWhetherItStillRuns) {
    FakeKernel kernel(1);
    kernel.switch_to(0, 7);
    kernel.clock += 5'000;
    kernel.switch_to(0, 0);
    kernel.switch_to(0, 7);
    kernel.slots[0].state = bpf::slot_unsure;
    kernel.clock += 3'000'000;

    BpfReading reading;
    ASSERT_TRUE(take_reading(kernel, reading));

    EXPECT_EQ(times(reading).at(key_of(7)), 5'000U);
    EXPECT_EQ(busy(reading), 5'000U);
}

// A process that was never switched away from has no entry yet.
TEST(BpfReading, AsksOnceForWhoRunsAndHasNoEntry) {
    FakeKernel kernel(2);
    kernel.switch_to(1, 9);
    kernel.clock += 400;

    BpfReading reading;
    ASSERT_TRUE(take_reading(kernel, reading));
    EXPECT_EQ(times(reading).at(key_of(9)), 400U);
    kernel.clock += 100;
    ASSERT_TRUE(take_reading(kernel, reading));
    EXPECT_EQ(times(reading).at(key_of(9)), 500U);
    EXPECT_EQ(kernel.introduced, 1);
}

// A slice that ends while the maps are read moves from its slot to its entry. Looked at in the
// wrong order it is in neither, and seconds are missing; or in both, and they are there twice.
TEST(BpfReading, TakesASliceOnceWheneverItEnds) {
    for (int moment = 1; moment <= 12; ++moment) {
        SCOPED_TRACE("it ends before look " + std::to_string(moment));
        FakeKernel kernel(1);
        kernel.switch_to(0, 4);
        kernel.clock += 1'000'000;
        kernel.switch_to(0, 5);
        kernel.switch_to(0, 4);
        kernel.clock += 1'000'000;
        int looks = 0;
        kernel.meanwhile = [&] {
            if (++looks == moment) {
                kernel.switch_to(0, 5);
            }
        };
        BpfReading reading;
        ASSERT_TRUE(take_reading(kernel, reading));
        EXPECT_EQ(times(reading).at(key_of(4)), 2'000'000U);
        EXPECT_EQ(busy(reading), 2'000'000U);
    }
}

// The rule, under every interleaving that chance brings: each process' time is one that it had
// while the reading was taken, and all of them together are not more than the busy time.
TEST(BpfReading, ShowsATimeThatWasTrueWhileItWasTaken) {
    for (unsigned seed = 1; seed <= 2'000; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 engine(seed);
        const auto below = [&](unsigned n) { return static_cast<unsigned>(engine() % n); };
        FakeKernel kernel(1 + below(4));
        const unsigned processes = 1 + below(5);
        const unsigned rarely = 2 + below(20);
        const auto run = [&] {
            kernel.clock += below(50);
            if (below(rarely) == 0) {
                kernel.clock += below(1'000);
                kernel.switch_to(below(kernel.cpus()), below(processes + 1));
            }
        };
        for (int i = 0; i < 50; ++i) {
            run();
        }
        std::map<bpf::ProcessKey, std::uint64_t, KeyOrder> earliest;
        for (unsigned pid = 1; pid <= processes; ++pid) {
            earliest[key_of(pid)] = kernel.truth(key_of(pid));
        }
        const std::uint64_t earliest_busy = kernel.true_busy();
        kernel.meanwhile = run;

        BpfReading reading;
        ASSERT_TRUE(take_reading(kernel, reading));

        auto shown = times(reading);
        std::uint64_t sum = 0;
        for (const auto& [key, least] : earliest) {
            // Who switches at every second look may keep a slice for the next reading.
            if (rarely >= 10) {
                ASSERT_GE(shown[key], least) << "process " << key.tgid;
            }
            ASSERT_LE(shown[key], kernel.truth(key)) << "process " << key.tgid;
            sum += shown[key];
        }
        ASSERT_LE(sum, busy(reading));
        ASSERT_GE(busy(reading), earliest_busy);
        ASSERT_LE(busy(reading), kernel.true_busy());
    }
}

TEST(BpfReading, GivesUpOnAProcessThatNeverHoldsStill) {
    FakeKernel kernel(1);
    kernel.switch_to(0, 4);
    kernel.meanwhile = [&] {
        ++kernel.clock;
        kernel.switch_to(0, 4);
    };
    BpfReading reading;
    ASSERT_TRUE(take_reading(kernel, reading));
    EXPECT_LE(kernel.looks_at_entry, 10);
    EXPECT_LE(times(reading).at(key_of(4)), kernel.truth(key_of(4)));
}

} // namespace
} // namespace wattvisor
