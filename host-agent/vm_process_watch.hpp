// SPDX-License-Identifier: Apache-2.0
// One process of a VM, watched from tick to tick: what it used since the last reading, and, for
// QEMU itself, by which kind of thread. Asio thread.
#pragma once

#include "common/accounting/consumer.hpp"
#include "common/usage/cpu_time_source.hpp"

#include <chrono>
#include <filesystem>
#include <sys/types.h>

namespace wattvisor::host {

class VmProcessWatch {
public:
    // `from_birth`: all that it used is charged; else only what it uses from its first reading on.
    VmProcessWatch(ProcessClock clock, Component component, bool is_qemu, bool from_birth);

    // What it used since the reading before. Nothing once it has ended.
    [[nodiscard]] SocketTimes read(CpuTimeSource& times);
    // Of the last reading, that of threads which went to another socket: ConsumerUsage::moved.
    [[nodiscard]] const SocketTimes& moved() const { return moved_; }

    // Adds what its threads used since the look before to the components: for QEMU by the threads'
    // names, else as a whole. Dearer than read().
    void look(const std::filesystem::path& proc_root, const CpuTopology& topology,
              ComponentTimes& components);

    [[nodiscard]] pid_t pid() const { return process_.clock.pid(); }
    [[nodiscard]] bool is_qemu() const { return is_qemu_; }
    [[nodiscard]] bool has_ended() const { return has_ended_; }
    // QEMU that libvirt no longer names as the VM's: it is read to its end.
    void retire() { is_retired_ = true; }
    [[nodiscard]] bool is_retired() const { return is_retired_; }

private:
    void look_at_threads(const std::filesystem::path& proc_root, const CpuTopology& topology,
                         ComponentTimes& components);

    WatchedProcess process_;
    Component component_;
    bool is_qemu_;
    bool is_new_ = true;
    bool from_birth_;
    bool has_ended_ = false;
    bool is_retired_ = false;
    SocketTimes last_;
    SocketTimes moved_;
    std::chrono::nanoseconds waiting_{0}; // used since the last look
    ComponentTimes last_components_{};    // of its threads, since its birth
};

} // namespace wattvisor::host
