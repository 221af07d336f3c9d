// SPDX-License-Identifier: Apache-2.0
#include "common/usage/exit_sums.hpp"

#include <algorithm>
#include <utility>

namespace wattvisor {

namespace {

// Processes that go on while threads of theirs have ended. Beyond it the kernel's sum must do.
constexpr std::size_t kMostProcesses = 1U << 16U;

// Records of threads that end at once come in any order, so that a process may seem to get younger
// by as long as a thread was kept from running between writing its record and sending it. One that
// is younger by more is another process with the same pid.
constexpr std::chrono::milliseconds kOutOfOrder{100};

bool same_process(std::chrono::microseconds seen, std::chrono::microseconds now) {
    return now >= seen || seen - now <= kOutOfOrder;
}

std::chrono::nanoseconds sum(std::chrono::nanoseconds a, std::chrono::nanoseconds b) {
    return a > std::chrono::nanoseconds::max() - b ? std::chrono::nanoseconds::max() : a + b;
}

} // namespace

void ExitSums::add(const ThreadExit& exit) {
    if (exit.last) {
        add_last(exit);
        return;
    }
    if (add_late(exit)) {
        return;
    }
    auto found = alive_.find(exit.process);
    if (found == alive_.end()) {
        if (alive_.size() >= kMostProcesses) {
            return;
        }
        found = alive_.try_emplace(exit.process).first;
    } else if (!same_process(found->second.age, exit.process_age)) {
        found->second = Threads{};
    }
    Threads& threads = found->second;
    threads.cpu_time = sum(threads.cpu_time, exit.cpu_time);
    threads.age = std::max(threads.age, exit.process_age);
    if (exit.thread == exit.process) {
        threads.comm = exit.comm;
    }
}

bool ExitSums::add_late(const ThreadExit& exit) {
    const auto now = ended_now_.find(exit.process);
    if (now != ended_now_.end() && same_process(now->second.age, exit.process_age)) {
        Threads& threads = now->second;
        EndedProcess& process = ended_[threads.place];
        threads.cpu_time = sum(threads.cpu_time, exit.cpu_time);
        process.cpu_time = std::max(process.cpu_time, threads.cpu_time);
        if (exit.thread == exit.process) {
            process.comm = exit.comm;
        }
        return true;
    }
    const auto before = ended_before_.find(exit.process);
    if (before != ended_before_.end() && same_process(before->second.age, exit.process_age)) {
        ++late_;
        return true;
    }
    return false;
}

void ExitSums::add_last(const ThreadExit& exit) {
    EndedProcess process{exit.process,       exit.parent,   exit.comm,
                         exit.kernel_thread, exit.cpu_time, exit.process_age};
    auto others = alive_.extract(exit.process);
    const bool had_others = !others.empty() && same_process(others.mapped().age, exit.process_age);
    Threads threads{exit.cpu_time, exit.process_age, {}, ended_.size()};
    if (had_others) {
        threads.cpu_time = sum(others.mapped().cpu_time, exit.cpu_time);
        if (exit.thread != exit.process && !others.mapped().comm.empty()) {
            process.comm = std::move(others.mapped().comm);
        }
    }
    process.cpu_time =
        std::max(exit.process_cpu_time.value_or(std::chrono::nanoseconds(0)), threads.cpu_time);
    ended_.push_back(std::move(process));
    if (had_others || exit.process_cpu_time) {
        ended_now_.insert_or_assign(exit.process, std::move(threads));
    }
}

std::vector<EndedProcess> ExitSums::take() {
    ended_before_ = std::exchange(ended_now_, {});
    return std::exchange(ended_, {});
}

void ExitSums::forget() {
    alive_.clear();
}

} // namespace wattvisor
