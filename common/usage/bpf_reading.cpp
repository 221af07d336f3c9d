// SPDX-License-Identifier: Apache-2.0
#include "common/usage/bpf_reading.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace wattvisor {

namespace {

// Reading an entry takes a microsecond. A process that switches within each of eight of them has
// slices so short that what is left to the next reading is nothing.
constexpr int kMostAttempts = 8;

bool before(const bpf::ProcessKey& a, const bpf::ProcessKey& b) {
    return std::tie(a.tgid, a.start_ns, a.socket) < std::tie(b.tgid, b.start_ns, b.socket);
}

bool runs(const bpf::CpuSlot& slot) {
    return slot.state == bpf::slot_process;
}

std::uint64_t since(const bpf::CpuSlot& slot, std::uint64_t now) {
    return now > slot.since_ns ? now - slot.since_ns : 0;
}

void read_slots(BpfMaps& maps, std::vector<bpf::CpuSlot>& slots) {
    slots.resize(maps.cpus());
    for (unsigned cpu = 0; cpu < slots.size(); ++cpu) {
        slots[cpu] = maps.read_slot(cpu);
    }
}

struct Running {
    bpf::ProcessKey key;
    unsigned cpu = 0;
    bool now = false; // it runs there; otherwise it did when the reading began
};

// Whose entries cannot be taken as they are: what runs, and what ran when the reading began and was
// switched away from since.
std::vector<Running> list_running(const std::vector<bpf::CpuSlot>& first,
                                  const std::vector<bpf::CpuSlot>& second) {
    std::vector<Running> running;
    for (unsigned cpu = 0; cpu < second.size(); ++cpu) {
        if (runs(second[cpu])) {
            running.push_back({second[cpu].key, cpu, true});
        }
        if (runs(first[cpu]) && first[cpu].seq != second[cpu].seq) {
            running.push_back({first[cpu].key, cpu, false});
        }
    }
    std::sort(running.begin(), running.end(),
              [](const Running& a, const Running& b) { return before(a.key, b.key); });
    return running;
}

// The CPUs of `cpus` on which the process runs, as they are now.
std::vector<std::pair<unsigned, bpf::CpuSlot>> slots_of(BpfMaps& maps, const bpf::ProcessKey& key,
                                                        const std::vector<unsigned>& cpus) {
    std::vector<std::pair<unsigned, bpf::CpuSlot>> slots;
    for (const unsigned cpu : cpus) {
        const bpf::CpuSlot slot = maps.read_slot(cpu);
        if (runs(slot) && slot.key == key) {
            slots.emplace_back(cpu, slot);
        }
    }
    return slots;
}

struct Settled {
    bpf::ProcessEntry entry;
    std::uint64_t running_ns = 0; // of its time
};

// The entry, with what runs added to its time. No value where the process has no entry.
Result<std::optional<Settled>> settle(BpfMaps& maps, const bpf::ProcessKey& key,
                                      const std::vector<unsigned>& cpus) {
    std::optional<Settled> settled;
    for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
        const auto slots = slots_of(maps, key, cpus);
        auto entry = maps.read_entry(key);
        if (!entry) {
            return entry.error();
        }
        if (!*entry) {
            if (slots.empty() || attempt > 0) {
                return settled;
            }
            maps.introduce(slots.front().first);
            continue;
        }
        const std::uint64_t now = maps.now();
        bool changed = false;
        std::uint64_t running_ns = 0;
        for (const auto& [cpu, slot] : slots) {
            const bool same = maps.read_slot(cpu).seq == slot.seq;
            running_ns += same ? since(slot, now) : 0;
            changed = changed || !same;
        }
        (*entry)->ns += running_ns;
        settled = Settled{**entry, running_ns};
        if (!changed) {
            break;
        }
    }
    return settled;
}

Result<bool> settle_all(BpfMaps& maps, const std::vector<Running>& running, BpfEntries& settled) {
    settled.keys.clear();
    settled.values.clear();
    settled.running_ns.clear();
    std::vector<unsigned> cpus;
    for (std::size_t i = 0; i < running.size(); ++i) {
        if (running[i].now) {
            cpus.push_back(running[i].cpu);
        }
        if (i + 1 < running.size() && running[i + 1].key == running[i].key) {
            continue;
        }
        const auto entry = settle(maps, running[i].key, cpus);
        if (!entry) {
            return entry.error();
        }
        if (*entry) {
            settled.keys.push_back(running[i].key);
            settled.values.push_back((*entry)->entry);
            settled.running_ns.push_back((*entry)->running_ns);
        }
        cpus.clear();
    }
    return true;
}

} // namespace

bool operator==(const bpf::ProcessKey& a, const bpf::ProcessKey& b) {
    return a.start_ns == b.start_ns && a.tgid == b.tgid && a.socket == b.socket;
}

Result<bool> take_reading(BpfMaps& maps, BpfReading& reading) {
    std::vector<bpf::CpuSlot> first;
    read_slots(maps, first);
    const auto read = maps.read_entries(reading.entries);
    if (!read) {
        return read.error();
    }
    read_slots(maps, reading.slots);
    const auto settled = settle_all(maps, list_running(first, reading.slots), reading.running);
    if (!settled) {
        return settled.error();
    }
    const std::uint64_t now = maps.now();
    read_slots(maps, reading.slots);
    for (bpf::CpuSlot& slot : reading.slots) {
        if (runs(slot) || slot.state == bpf::slot_unclaimed) {
            slot.busy_ns += since(slot, now);
        }
    }
    return true;
}

} // namespace wattvisor
