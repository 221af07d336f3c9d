// SPDX-License-Identifier: Apache-2.0
// One exact reading of the maps of the BPF program, while it goes on counting on all CPUs. Stops no
// CPU and takes no lock. The maps are an interface, since tests put a kernel of their own in its
// place that switches at every wrong moment. Never throws.
//
// A process' time is its entry, plus, for each CPU that it runs on right now, the time since then.
// The program adds a slice to the entry when it ends, so a reading must not take the slice from
// both, nor from neither. A CPU's slot has a sequence number; the program makes it odd, adds the
// slice, opens the next one, makes it even, with a full barrier at both steps. From that follows:
//
// - Slot before entry: if the slot no longer shows a slice, the entry read after it has it.
// - Entry before slot: if the number is the same after the entry was read, the slice that it shows
//   is not in that entry.
//
// So a number that is the same on both sides of reading an entry proves that each slice was taken
// once; if it changed, that entry is read again. A slice that begins and ends while the maps are
// read may wait for the next reading; one that began before never does.
#pragma once

#include "common/base/error.hpp"
#include "common/usage/bpf/cpu_time_layout.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace wattvisor {

struct BpfEntries {
    std::vector<bpf::ProcessKey> keys;
    std::vector<bpf::ProcessEntry> values; // as many
    std::vector<std::uint64_t> running_ns; // of these, what still runs; none where nothing does
};

class BpfMaps {
public:
    virtual ~BpfMaps() = default;

    [[nodiscard]] virtual Result<bool> start() = 0; // begins to count
    [[nodiscard]] virtual std::uint64_t now() = 0;  // the program's clock: CLOCK_MONOTONIC
    [[nodiscard]] virtual unsigned cpus() const = 0;
    // A copy that was not written to meanwhile. If there is none to be had, one with an odd
    // sequence number and nothing running.
    [[nodiscard]] virtual bpf::CpuSlot read_slot(unsigned cpu) = 0;
    [[nodiscard]] virtual Result<bool> read_entries(BpfEntries& entries) = 0;
    [[nodiscard]] virtual Result<std::optional<bpf::ProcessEntry>>
    read_entry(const bpf::ProcessKey& key) = 0;
    // Makes an entry for what runs on the CPU, if it has none. Interrupts that CPU once.
    virtual void introduce(unsigned cpu) = 0;
    // Whether there is a process of this number; one that its parent has yet to collect is one.
    [[nodiscard]] virtual bool exists(std::uint32_t pid) = 0;
    virtual void remove(const std::vector<bpf::ProcessKey>& keys) = 0;
    virtual void set_socket(unsigned cpu, unsigned socket) = 0;
};

struct BpfReading {
    BpfEntries entries; // without what runs
    BpfEntries running; // those that ran meanwhile, exact; they replace the ones in `entries`
    std::vector<bpf::CpuSlot> slots; // by CPU; busy_ns includes what runs. Taken last: no time of
                                     // the entries is missing in it
};

// An error if the entries could not be read; the reading is of no use then.
[[nodiscard]] Result<bool> take_reading(BpfMaps& maps, BpfReading& reading);

[[nodiscard]] bool operator==(const bpf::ProcessKey& a, const bpf::ProcessKey& b);

} // namespace wattvisor
