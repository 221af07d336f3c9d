// SPDX-License-Identifier: Apache-2.0
// The CPU time of processes that ended between two ticks, short-lived ones included: the kernel
// tells it of each thread that ends (taskstats, over generic netlink). Needs CAP_NET_ADMIN and the
// initial user, pid and network namespaces; open() refuses elsewhere. Called by the main thread.
// Never blocks, never starts a process; what was lost is counted, never silent.
//
// What cpu_time is: nanoseconds of the process' own clock as the kernel had it when each thread
// began to end. Two parts are not in it: what a thread ran since the scheduler last looked at it
// (at most one timer tick, 4 ms at 250 Hz; nothing where it just slept, or asked its clock), and
// its ending itself (taking the memory down). It is never too much. It may be less than what the
// process' clock showed shortly before its end: take the larger of the two.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"
#include "common/usage/exit_sums.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace wattvisor {

struct ExitAccountingOptions {
    std::filesystem::path sys_root = "/sys"; // for the list of possible CPUs
    int receive_buffer = 8 << 20;            // the kernel grants twice as much: some 13,000 exits
};

class ExitAccounting {
public:
    // Listens on all possible CPUs, those that come online later included. Ends a thread of ours to
    // see that its record arrives. An Error is fatal: trying again does not help.
    [[nodiscard]] static Result<ExitAccounting> open(const ExitAccountingOptions& options = {});

    // The processes that ended since the last call, in the order of their ends. Of two with one
    // pid, the first is the older. Reads at most kMostRecords; the rest is left to the next call.
    [[nodiscard]] std::vector<EndedProcess> drain();

    // Records that the kernel had no room for, that could not be understood, or that came when
    // their process had been given out already.
    [[nodiscard]] std::uint64_t lost() const { return dropped_ + refused_ + sums_.late(); }

    // More than the default buffer can hold, so that one call empties it.
    static constexpr std::size_t kMostRecords = 1U << 16U;

private:
    explicit ExitAccounting(FileDescriptor socket);

    [[nodiscard]] Result<void> listen(const ExitAccountingOptions& options);
    [[nodiscard]] Result<void> see_own_thread_end();
    void read_records();
    [[nodiscard]] std::size_t read_batch();
    void take_datagram(Bytes datagram);
    void count_dropped();

    struct Answer {
        int error = 0; // errno; 0 where the kernel did as it was asked
        std::vector<std::byte> reply;
    };
    [[nodiscard]] Answer ask(const GenericRequest& request, std::string_view text);

    FileDescriptor socket_;
    std::uint16_t family_ = 0;
    std::vector<std::byte> buffer_;
    ExitSums sums_;
    std::uint64_t dropped_ = 0;
    std::uint64_t refused_ = 0;
    std::uint32_t drops_seen_ = 0; // by the socket's own counter, which wraps
    pid_t awaited_thread_ = 0;     // of ours; 0 where none is awaited, or its record has come
};

} // namespace wattvisor
