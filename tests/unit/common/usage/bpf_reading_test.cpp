// SPDX-License-Identifier: Apache-2.0
// A kernel that is made of two lists, and switches whenever the reader looks away.
#include "common/usage/bpf_cpu_time.hpp"
#include "common/usage/bpf_reading.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <tuple>

namespace wattvisor {
namespace {

struct KeyOrder {
    bool operator()(const bpf::ProcessKey& a, const bpf::ProcessKey& b) const {
        return std::tie(a.tgid, a.start_ns, a.socket) < std::tie(b.tgid, b.start_ns, b.socket);
    }
};

bpf::ProcessKey key_of(unsigned pid, unsigned socket = 0) {
    return {1'000'000'000ULL * pid, pid, socket};
}

// Does what cpu_time.bpf.c does, and keeps the truth beside it.
class FakeKernel : public BpfMaps {
public:
    explicit FakeKernel(unsigned cpus) : slots(cpus) {}

    std::vector<bpf::CpuSlot> slots;
    std::map<bpf::ProcessKey, bpf::ProcessEntry, KeyOrder> entries;
    std::uint64_t clock = 1'000'000;
    std::function<void()> meanwhile = [] {}; // before each look at anything
    int looks_at_entry = 0;
    int introduced = 0;
    bool entries_fail = false;

    void switch_to(unsigned cpu, unsigned pid) { // 0: idle
        bpf::CpuSlot& slot = slots[cpu];
        const std::uint64_t ran = clock - slot.since_ns;
        if (slot.state == bpf::slot_process) {
            slot.busy_ns += ran;
            entries[slot.key].ns += ran;
        }
        slot.since_ns = clock;
        slot.state = pid == 0 ? bpf::slot_idle : bpf::slot_process;
        slot.key = key_of(pid, slot.socket);
        slot.seq += 2;
    }

    [[nodiscard]] std::uint64_t truth(const bpf::ProcessKey& key) const {
        const auto entry = entries.find(key);
        std::uint64_t ns = entry == entries.end() ? 0 : entry->second.ns;
        for (const bpf::CpuSlot& slot : slots) {
            ns += slot.state == bpf::slot_process && slot.key == key ? clock - slot.since_ns : 0;
        }
        return ns;
    }
    [[nodiscard]] std::uint64_t true_busy() const {
        return std::accumulate(slots.begin(), slots.end(), std::uint64_t{0},
                               [this](std::uint64_t sum, const bpf::CpuSlot& slot) {
                                   const bool busy = slot.state == bpf::slot_process;
                                   return sum + slot.busy_ns + (busy ? clock - slot.since_ns : 0);
                               });
    }

    Result<bool> start() override { return true; }
    std::uint64_t now() override {
        meanwhile();
        return clock;
    }
    [[nodiscard]] unsigned cpus() const override { return static_cast<unsigned>(slots.size()); }
    bpf::CpuSlot read_slot(unsigned cpu) override {
        meanwhile();
        return slots[cpu];
    }
    Result<bool> read_entries(BpfEntries& out) override {
        if (entries_fail) {
            return Error{Severity::transient, "no", "here", {}};
        }
        out = {};
        std::vector<bpf::ProcessKey> keys;
        for (const auto& [key, entry] : entries) {
            keys.push_back(key);
        }
        for (const bpf::ProcessKey& key : keys) { // one after the other, as the kernel does
            meanwhile();
            out.keys.push_back(key);
            out.values.push_back(entries[key]);
        }
        return true;
    }
    Result<std::optional<bpf::ProcessEntry>> read_entry(const bpf::ProcessKey& key) override {
        meanwhile();
        ++looks_at_entry;
        const auto entry = entries.find(key);
        return entry == entries.end() ? std::nullopt : std::optional(entry->second);
    }
    void introduce(unsigned cpu) override {
        ++introduced;
        if (slots[cpu].state == bpf::slot_process) {
            entries.try_emplace(slots[cpu].key);
            slots[cpu].seq += 2;
        }
    }
    void remove(const std::vector<bpf::ProcessKey>& keys) override {
        for (const bpf::ProcessKey& key : keys) {
            entries.erase(key);
        }
    }
    void set_socket(unsigned cpu, unsigned socket) override { slots[cpu].socket = socket; }
};

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

CpuTopology two_sockets() {
    return {{0, 1}, {1, 1}, {0, 1}};
}

std::unique_ptr<FakeKernel> two_cpus() {
    auto kernel = std::make_unique<FakeKernel>(2);
    kernel->set_socket(1, 1);
    return kernel;
}

TEST(BpfCpuTime, AddsUpWhatAProcessDidOnEachSocket) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.switch_to(0, 3);
    kernel.clock += 10;
    kernel.switch_to(0, 0);
    kernel.switch_to(1, 3);
    kernel.clock += 20;

    ASSERT_TRUE(times.read());

    const BpfProcessTime* process = times.find(3, 300); // key_of: started after 3 s
    ASSERT_NE(process, nullptr);
    EXPECT_EQ(process->cpu_time[0].count(), 10);
    EXPECT_EQ(process->cpu_time[1].count(), 20);
    EXPECT_EQ(times.busy()[0].count(), 10);
    EXPECT_EQ(times.busy()[1].count(), 20);
}

TEST(BpfCpuTime, ShowsAnEndedProcessOnceMoreAndThenForgetsIt) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.switch_to(0, 3);
    kernel.clock += 10;
    kernel.switch_to(0, 0);
    std::strcpy(kernel.entries[key_of(3)].comm, "cc1plus");
    kernel.entries[key_of(3)].flags = bpf::entry_ended;

    ASSERT_TRUE(times.read());
    const BpfProcessTime* process = times.find(3, 300);
    ASSERT_NE(process, nullptr);
    EXPECT_TRUE(process->ended);
    EXPECT_EQ(process->comm, "cc1plus");
    EXPECT_EQ(total_of(process->cpu_time).count(), 10);

    ASSERT_TRUE(times.read());
    EXPECT_EQ(times.find(3, 300), nullptr);
    EXPECT_TRUE(kernel.entries.empty());
    EXPECT_EQ(total_of(times.busy()).count(), 10);
}

// on_free() marks one socket's entry after the other, and a reading may come between.
TEST(BpfCpuTime, KeepsAnEndedProcessUntilItsLastEntryIsGone) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.entries[key_of(3, 0)] = {10, "a", 1, bpf::entry_ended};
    kernel.entries[key_of(3, 1)] = {20, "a", 1, 0};
    ASSERT_TRUE(times.read());
    kernel.entries[key_of(3, 1)].flags = bpf::entry_ended;
    ASSERT_TRUE(times.read());
    ASSERT_NE(times.find(3, 300), nullptr);
    EXPECT_EQ(total_of(times.find(3, 300)->cpu_time).count(), 30);
    ASSERT_TRUE(times.read());
    EXPECT_EQ(times.find(3, 300), nullptr);
}

// A new VM inherited the counter of an old one with its name (Scaphandre). Here: with its pid.
TEST(BpfCpuTime, TakesAReusedPidForAnotherProcess) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.entries[{5'000'000'000, 3, 0}] = {100, "old", 1, 0};
    kernel.entries[{6'000'000'000, 3, 0}] = {7, "new", 1, 0};
    kernel.entries[{6'000'000'001, 3, 0}] = {1, "newest", 1, 0}; // within the same clock tick
    ASSERT_TRUE(times.read());
    EXPECT_EQ(total_of(times.find(3, 500)->cpu_time).count(), 100);
    EXPECT_EQ(total_of(times.find(3, 600)->cpu_time).count(), 1);
    EXPECT_EQ(times.find(3, 600)->comm, "newest");
}

// 16 characters without an end, as a kernel that cuts long names of workers might have them.
TEST(BpfCpuTime, EndsANameThatHasNoEnd) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    std::memset(kernel.entries[key_of(3)].comm, 'x', bpf::comm_size);
    ASSERT_TRUE(times.read());
    EXPECT_EQ(times.find(3, 300)->comm, std::string(bpf::comm_size, 'x'));
}

TEST(BpfCpuTime, StaysAsItWasWhenAReadingFails) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    BpfCpuTime times(std::move(owned), two_sockets());
    kernel.entries[key_of(3)] = {100, "a", 1, 0};
    ASSERT_TRUE(times.read());
    kernel.entries_fail = true;
    EXPECT_FALSE(times.read());
    EXPECT_EQ(total_of(times.find(3, 300)->cpu_time).count(), 100);
}

TEST(BpfCpuTime, FollowsACpuThatComesOnlineOnAKnownSocket) {
    auto owned = two_cpus();
    FakeKernel& kernel = *owned;
    const CpuTopology one_online{{0, 1}, {1, 0}, {0}};
    BpfCpuTime times(std::move(owned), one_online);
    kernel.set_socket(1, 0);
    kernel.switch_to(1, 3);
    kernel.clock += 10;
    kernel.switch_to(1, 3);
    ASSERT_TRUE(times.read());
    ASSERT_TRUE(times.follow(two_sockets()));
    kernel.switch_to(1, 3);
    kernel.clock += 5;
    kernel.switch_to(1, 0);
    ASSERT_TRUE(times.read());
    EXPECT_EQ(times.busy()[0].count(), 10);
    EXPECT_EQ(times.busy()[1].count(), 5);
    EXPECT_FALSE(times.follow(single_socket(2)));
}

} // namespace
} // namespace wattvisor
