// SPDX-License-Identifier: Apache-2.0
// A kernel that is made of two lists, and switches whenever the reader looks away.
#pragma once

#include "common/usage/bpf_reading.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

namespace wattvisor::test {

struct KeyOrder {
    bool operator()(const bpf::ProcessKey& a, const bpf::ProcessKey& b) const {
        return std::tie(a.tgid, a.start_ns, a.socket) < std::tie(b.tgid, b.start_ns, b.socket);
    }
};

inline bpf::ProcessKey key_of(unsigned pid, unsigned socket = 0) {
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
    std::set<std::uint32_t> gone; // processes of which no end was told
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
    [[nodiscard]] bool exists(std::uint32_t pid) override { return !gone.contains(pid); }
    void remove(const std::vector<bpf::ProcessKey>& keys) override {
        for (const bpf::ProcessKey& key : keys) {
            entries.erase(key);
        }
    }
    void set_socket(unsigned cpu, unsigned socket) override { slots[cpu].socket = socket; }
};

} // namespace wattvisor::test
