// SPDX-License-Identifier: Apache-2.0
// Sends what an exporter queues, one message after the other, beside the agent's loop: push() never
// waits. While the server is away, what is newest is kept and the server tried again with growing
// pauses. Says once in the log that a server is away, and once that it is back. Asio thread.
#pragma once

#include "common/export/push/back_off.hpp"
#include "common/export/push/push_counts.hpp"
#include "common/export/push/push_queue.hpp"
#include "common/export/push/push_transport.hpp"

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace wattvisor {

struct PushSettings {
    std::string exporter;                        // as it is called on the command line
    std::size_t queue_bytes = 8UL * 1024 * 1024; // see PushQueue
    BackOff back_off{};
};

struct PushWorkerState;

class PushWorker {
public:
    // The counts outlive the io_context.
    PushWorker(boost::asio::io_context& io, PushSettings settings,
               std::unique_ptr<PushTransport> transport, PushCounts& counts);
    PushWorker(const PushWorker&) = delete;
    PushWorker& operator=(const PushWorker&) = delete;
    ~PushWorker(); // what still waits is not sent

    // All messages of one step.
    void push(std::vector<PushMessage> messages);

private:
    std::shared_ptr<PushWorkerState> state_; // shared with the coroutine, which ends a little later
};

} // namespace wattvisor
