// SPDX-License-Identifier: Apache-2.0
// The precise CPU time source: every nanosecond that a process ran, per socket, counted by a BPF
// program at each context switch since open(). Also processes that are born and end between two
// readings, by name. Costs 0.2 µs per switch (measured; up to 2 µs with cold caches), nothing per
// thread. Called by the thread that ticks. Never blocks, stops a CPU, or shows less than before.
//
// Interrupts count for the process (or the idle task) that they interrupt. Pids are those of the
// machine, not of a container; open() refuses elsewhere.
#pragma once

#include "common/base/error.hpp"
#include "common/usage/bpf_reading.hpp"
#include "common/usage/clocked_time.hpp"
#include "common/usage/cpu_topology.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>
#include <unordered_map>
#include <vector>

namespace wattvisor {

struct BpfProcessTime {
    pid_t pid = 0;
    std::uint64_t start_ticks = 0; // as field 22 of /proc/PID/stat; with the pid it is a process
    std::uint64_t start_ns = 0;    // the same, finer
    pid_t parent = 0;              // when it first ran
    bool is_kernel_thread = false;
    bool ended = false; // its time is final, and the next reading is without it
    std::string comm;   // as it is now, or was at the end. Chosen by the process: hostile
    SocketTimes cpu_time;
    SliceCount slices; // the same in its parts, and how often the kernel did not show one
};

// Processes per socket that can be counted at a time; 130 bytes of kernel memory each. A reading
// looks at the place of each (1 ns) and copies those that are there (0.4 µs). What finds no room is
// in busy() only, and in lost().
inline constexpr std::size_t kBpfProcesses = 16384;

class BpfCpuTime {
public:
    // The error says what is missing: built without BPF, kernel, privileges, namespace.
    [[nodiscard]] static Result<std::unique_ptr<BpfCpuTime>>
    open(const CpuTopology& topology, std::size_t processes = kBpfProcesses);

    BpfCpuTime(std::unique_ptr<BpfMaps> maps, const CpuTopology& topology);

    // One reading of everything; what stands below is as of then. After an error it is as before.
    [[nodiscard]] Result<bool> read();

    // CPUs that went online: they count for socket 0 until then. False if the sockets are others;
    // open() anew then.
    [[nodiscard]] bool follow(const CpuTopology& topology);

    // Null where it did not run since open(), or is gone since the reading before.
    [[nodiscard]] const BpfProcessTime* find(pid_t pid, std::uint64_t start_ticks) const;
    [[nodiscard]] std::size_t size() const { return rows_.size(); }
    template <typename Visitor>
    void for_each(Visitor&& visit) const {
        for (const auto& [id, row] : rows_) {
            visit(row.time);
        }
    }

    // All but idle: the sum of all processes, those that are gone included, and of unclaimed().
    [[nodiscard]] const SocketTimes& busy() const { return busy_; }
    // What no process has: the last instructions of a thread whose process is collected already,
    // want of room, a switch that the kernel did not show.
    [[nodiscard]] const SocketTimes& unclaimed() const { return unclaimed_; }
    // busy() once more, counted by the program per CPU: a check. It is the later of the two if
    // this thread lost its CPU within a reading; else they differ by microseconds.
    [[nodiscard]] const SocketTimes& busy_of_cpus() const { return busy_of_cpus_; }
    // Switches whose time no process has, for want of room. Should be 0.
    [[nodiscard]] std::uint64_t lost() const { return lost_; }

private:
    struct Id {
        pid_t pid;
        std::uint64_t start_ticks;
        bool operator==(const Id&) const = default;
    };
    struct IdHash {
        std::size_t operator()(const Id& id) const;
    };
    struct Row {
        BpfProcessTime time;
        std::uint64_t seen = 0;  // the reading that had it last
        unsigned times_gone = 0; // looks in a row that found no such process
    };

    void apply(const BpfEntries& entries);
    void apply(const bpf::ProcessKey& key, const bpf::ProcessEntry& entry,
               std::uint64_t running_ns);
    Row* row_of(const bpf::ProcessKey& key);
    void find_missed_ends();
    void apply_slots(const std::vector<bpf::CpuSlot>& slots);

    std::unique_ptr<BpfMaps> maps_;
    std::vector<unsigned> packages_;
    std::uint64_t tick_ns_;
    std::unordered_map<Id, Row, IdHash> rows_;
    SocketTimes busy_;
    SocketTimes unclaimed_;
    SocketTimes busy_of_cpus_;
    std::vector<bpf::CpuSlot> slots_; // of the reading before
    std::uint64_t lost_ = 0;
    std::uint64_t readings_ = 0;
    std::vector<bpf::ProcessKey> ended_; // entries of processes that this reading showed as ended
    BpfReading reading_;                 // kept for its memory
};

} // namespace wattvisor
