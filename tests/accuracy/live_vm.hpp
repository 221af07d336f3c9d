// SPDX-License-Identifier: Apache-2.0
// A process of this machine that stands for a VM's QEMU and works in a known way, in a control
// group of its own whose CPU time is the truth. It never looks at its own CPU clock: that would
// make the kernel count more exactly than it does for others. Ends with this object, or with this
// process.
#pragma once

#include "tests/accuracy/kernel_count.hpp"

#include <chrono>
#include <string>
#include <sys/types.h>

namespace wattvisor::accuracy {

enum class LivePattern {
    steady,       // one thread, the same part of each 10 ms
    bursty,       // one thread: works, and sleeps for longer
    many_threads, // 50 that each use little
    thread_churn, // one thread after the other, each for a few milliseconds
    short_lives,  // one child process after the other
    noisy,        // three threads that take all they get, half of the time
    wanderer,     // one thread that goes to another CPU now and then
};

struct LivePlan {
    std::string name;
    LivePattern pattern = LivePattern::steady;
    // How long it works before it sleeps, and how long all of it is; each pattern has its own.
    std::chrono::microseconds works{3000};
    std::chrono::microseconds period{10000};
    int cpu = -1; // where it stays; -1: anywhere
};

class LiveVm {
public:
    // Runs once this is made. Throws StartError where it cannot have a group.
    LiveVm(LivePlan plan, const CpuTopologyPtr& topology);
    LiveVm(LiveVm&& other) noexcept;
    LiveVm& operator=(LiveVm&&) = delete;
    LiveVm(const LiveVm&) = delete;
    LiveVm& operator=(const LiveVm&) = delete;
    ~LiveVm();

    [[nodiscard]] const std::string& name() const { return plan_.name; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] SocketTimes truth() const { return count_.read(); }

private:
    LivePlan plan_;
    KernelCount count_;
    pid_t pid_ = -1;
};

} // namespace wattvisor::accuracy
