// SPDX-License-Identifier: Apache-2.0
// The CPUs of the simulated host: who runs where within a step of time, and what each CPU worked
// since boot. CPUs are numbered socket by socket. No CPU is ever given more time than passed, so
// that per-CPU, per-socket and per-thread numbers agree to the nanosecond. One thread.
#pragma once

#include "tests/simulated-host/scenario.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace wattvisor::simulated {

// What one CPU did, in nanoseconds. Guest time is inside user time, as in the kernel.
struct CpuTimes {
    std::uint64_t user = 0;
    std::uint64_t system = 0;
    std::uint64_t idle = 0;
    std::uint64_t irq = 0;
    std::uint64_t guest = 0;

    [[nodiscard]] std::uint64_t busy() const { return user + system + irq; }
    friend bool operator==(const CpuTimes&, const CpuTimes&) = default;
};

// A thread's time on one CPU.
struct Slice {
    std::uint64_t user = 0;
    std::uint64_t system = 0;
    bool is_guest = false; // its user time is

    [[nodiscard]] std::uint64_t total() const { return user + system; }
};

struct Placed {
    std::uint64_t user = 0;
    std::uint64_t system = 0;
    unsigned last_cpu = 0;
    [[nodiscard]] std::uint64_t total() const { return user + system; }
};

class CpuGrid {
public:
    explicit CpuGrid(const HostSpec& host);

    // A step of `time` nanoseconds begins; interrupts take their part of it at once.
    void begin(std::uint64_t time);
    // Puts a thread on its home CPU of the socket, and what does not fit on the next ones. What
    // fits nowhere is left out of what is returned. `on_cpu(cpu, nanoseconds)` is told each part.
    template <typename OnCpu>
    Placed place(unsigned socket, unsigned home, const Slice& wanted, OnCpu on_cpu);
    // The rest of the step is idle time.
    void end();

    [[nodiscard]] const std::vector<CpuTimes>& cpus() const { return cpus_; }
    [[nodiscard]] unsigned sockets() const { return sockets_; }
    [[nodiscard]] unsigned per_socket() const { return per_socket_; }
    [[nodiscard]] unsigned socket_of(unsigned cpu) const { return cpu / per_socket_; }
    // Of the step: what the socket's CPUs worked, and of it what interrupts took.
    [[nodiscard]] std::uint64_t busy(unsigned socket) const { return busy_[socket]; }
    [[nodiscard]] std::uint64_t irq(unsigned socket) const { return irq_[socket]; }
    // How much its threads may want at most, in millionths of a CPU.
    [[nodiscard]] std::uint64_t capacity() const {
        return static_cast<std::uint64_t>(per_socket_) * (kWhole - irq_part_);
    }

private:
    unsigned sockets_;
    unsigned per_socket_;
    Millionths irq_part_;
    std::vector<CpuTimes> cpus_;
    std::vector<std::uint64_t> room_;  // of the step, per CPU
    std::vector<unsigned> first_free_; // per socket: all CPUs before it are full
    std::vector<std::uint64_t> busy_;
    std::vector<std::uint64_t> irq_;
};

template <typename OnCpu>
Placed CpuGrid::place(unsigned socket, unsigned home, const Slice& wanted, OnCpu on_cpu) {
    const unsigned base = socket * per_socket_;
    Placed placed;
    placed.last_cpu = base + home % per_socket_;
    unsigned next = placed.last_cpu;
    unsigned& free = first_free_[socket];
    while (placed.total() < wanted.total()) {
        if (room_[next] == 0) {
            while (free < per_socket_ && room_[base + free] == 0) {
                ++free;
            }
            if (free == per_socket_) {
                break;
            }
            next = base + free;
        }
        const std::uint64_t part = std::min(room_[next], wanted.total() - placed.total());
        const std::uint64_t user = std::min(part, wanted.user - placed.user);
        CpuTimes& cpu = cpus_[next];
        cpu.user += user;
        cpu.system += part - user;
        cpu.guest += wanted.is_guest ? user : 0;
        room_[next] -= part;
        busy_[socket] += part;
        placed.user += user;
        placed.system += part - user;
        placed.last_cpu = next;
        on_cpu(next, part);
    }
    return placed;
}

} // namespace wattvisor::simulated
