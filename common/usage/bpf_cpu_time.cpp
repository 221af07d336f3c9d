// SPDX-License-Identifier: Apache-2.0
#include "common/usage/bpf_cpu_time.hpp"

#include "common/usage/bpf_program.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unistd.h>
#include <utility>

namespace wattvisor {

namespace {

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

// The kernel's own conversion of field 22: nsec_to_clock_t() in kernel/time/time.c.
std::uint64_t nanoseconds_per_tick() {
    return kNanosecondsPerSecond / static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
}

void set_sockets(BpfMaps& maps, const CpuTopology& topology) {
    for (unsigned cpu = 0; cpu < maps.cpus(); ++cpu) {
        const std::size_t socket =
            cpu < topology.socket_of_cpu.size() ? topology.socket_of_cpu[cpu] : topology.sockets();
        maps.set_socket(cpu, socket < topology.sockets() ? static_cast<unsigned>(socket) : 0);
    }
}

std::string_view comm_of(const bpf::ProcessEntry& entry) {
    const std::string_view comm(entry.comm, sizeof entry.comm);
    return comm.substr(0, comm.find('\0'));
}

} // namespace

Result<std::unique_ptr<BpfCpuTime>> BpfCpuTime::open(const CpuTopology& topology,
                                                     std::size_t processes) {
    auto maps = load_bpf_program(topology.sockets(), processes * topology.sockets());
    if (!maps) {
        return maps.error();
    }
    set_sockets(**maps, topology); // before anything is counted
    const auto started = (*maps)->start();
    if (!started) {
        return started.error();
    }
    return std::make_unique<BpfCpuTime>(std::move(*maps), topology);
}

BpfCpuTime::BpfCpuTime(std::unique_ptr<BpfMaps> maps, const CpuTopology& topology)
    : maps_(std::move(maps)), packages_(topology.packages), tick_ns_(nanoseconds_per_tick()),
      busy_(topology.sockets(), std::chrono::nanoseconds(0)), unclaimed_(busy_),
      busy_of_cpus_(busy_), slots_(maps_->cpus()) {}

bool BpfCpuTime::follow(const CpuTopology& topology) {
    if (topology.packages != packages_) {
        return false;
    }
    set_sockets(*maps_, topology);
    return true;
}

Result<bool> BpfCpuTime::read() {
    // One reading after it showed them. Not earlier: what was looking at an entry when the process
    // ended is long done, so an entry that is used again is never charged for the one before.
    maps_->remove(ended_);
    ended_.clear();
    const auto read = take_reading(*maps_, reading_);
    if (!read) {
        return read.error();
    }
    ++readings_;
    apply(reading_.entries);
    apply(reading_.running);
    std::erase_if(rows_, [this](const auto& row) { return row.second.seen != readings_; });
    find_missed_ends();
    apply_slots(reading_.slots);
    return true;
}

void BpfCpuTime::apply(const BpfEntries& entries) {
    for (std::size_t i = 0; i < entries.keys.size(); ++i) {
        apply(entries.keys[i], entries.values[i],
              entries.running_ns.empty() ? 0 : entries.running_ns[i]);
    }
}

void BpfCpuTime::apply(const bpf::ProcessKey& key, const bpf::ProcessEntry& entry,
                       std::uint64_t running_ns) {
    Row* row = row_of(key);
    if (row == nullptr) {
        return;
    }
    BpfProcessTime& time = row->time;
    time.is_kernel_thread = (entry.flags & bpf::entry_kernel_thread) != 0;
    if (row->seen == 0) {
        time.parent = static_cast<pid_t>(entry.parent);
    }
    row->seen = readings_;
    if (time.comm != comm_of(entry)) {
        time.comm = comm_of(entry);
    }
    time.slices.finished[key.socket] = std::chrono::nanoseconds(entry.ns - running_ns);
    time.slices.running[key.socket] = std::chrono::nanoseconds(running_ns);
    time.slices.missed[key.socket] = entry.flags / bpf::entry_one_missed;
    if ((entry.flags & bpf::entry_ended) != 0) {
        time.ended = true;
        ended_.push_back(key);
    }
    const auto counted = std::chrono::nanoseconds(entry.ns);
    if (counted > time.cpu_time[key.socket]) {
        busy_[key.socket] += counted - time.cpu_time[key.socket];
        time.cpu_time[key.socket] = counted;
    }
}

// A kernel may run the program for one end too few: tracing is left out where it would call itself,
// and was seen to be for what the first process of a machine collects. Such an entry would stay for
// good. Each process is looked after once in a while, and twice before it is given up, so that the
// program itself is the first to tell wherever it does.
void BpfCpuTime::find_missed_ends() {
    constexpr std::uint64_t kReadingsPerLook = 64;
    constexpr unsigned kLooks = 2;
    for (auto& [id, row] : rows_) {
        const auto pid = static_cast<std::uint32_t>(id.pid);
        if (row.time.ended || (pid + readings_) % kReadingsPerLook != 0) {
            continue;
        }
        row.times_gone = maps_->exists(pid) ? 0 : row.times_gone + 1;
        if (row.times_gone < kLooks) {
            continue;
        }
        row.time.ended = true;
        for (std::uint32_t socket = 0; socket < busy_.size(); ++socket) {
            ended_.push_back({row.time.start_ns, pid, socket});
        }
    }
}

BpfCpuTime::Row* BpfCpuTime::row_of(const bpf::ProcessKey& key) {
    if (key.socket >= busy_.size()) {
        return nullptr;
    }
    const Id id{static_cast<pid_t>(key.tgid), key.start_ns / tick_ns_};
    auto [place, is_new] = rows_.try_emplace(id);
    if (!is_new && place->second.time.start_ns < key.start_ns) {
        // The same pid twice within a clock tick: the later one counts.
        rows_.erase(place);
        std::tie(place, is_new) = rows_.try_emplace(id);
    }
    BpfProcessTime& time = place->second.time;
    if (is_new) {
        time.pid = id.pid;
        time.start_ticks = id.start_ticks;
        time.start_ns = key.start_ns;
        time.cpu_time.assign(busy_.size(), std::chrono::nanoseconds(0));
        time.slices = {time.cpu_time, time.cpu_time, MissedSlices(busy_.size())};
    }
    return time.start_ns == key.start_ns ? &place->second : nullptr;
}

// By steps, so that what a CPU did before it was known to be on another socket stays where it was,
// and a slot that could not be read (all of it is 0) waits for the next reading.
void BpfCpuTime::apply_slots(const std::vector<bpf::CpuSlot>& slots) {
    const auto step = [](__u64& last, __u64 value) {
        const __u64 before = std::exchange(last, std::max(last, value));
        return std::chrono::nanoseconds(last - before);
    };
    lost_ = 0;
    for (std::size_t cpu = 0; cpu < slots.size(); ++cpu) {
        const bpf::CpuSlot& slot = slots[cpu];
        bpf::CpuSlot& last = slots_[cpu];
        if (slot.seq % 2 == 0 && slot.socket < busy_.size()) {
            busy_of_cpus_[slot.socket] += step(last.busy_ns, slot.busy_ns);
            const auto unclaimed = step(last.unclaimed_ns, slot.unclaimed_ns);
            unclaimed_[slot.socket] += unclaimed;
            busy_[slot.socket] += unclaimed;
            last.lost = slot.lost;
        }
        lost_ += last.lost;
    }
}

const BpfProcessTime* BpfCpuTime::find(pid_t pid, std::uint64_t start_ticks) const {
    const auto found = rows_.find(Id{pid, start_ticks});
    return found == rows_.end() ? nullptr : &found->second.time;
}

std::size_t BpfCpuTime::IdHash::operator()(const Id& id) const {
    // Pids are dense and start times are not: mixing the two is enough.
    return static_cast<std::size_t>(id.start_ticks * 0x9e3779b97f4a7c15U) ^
           static_cast<std::size_t>(id.pid);
}

} // namespace wattvisor
