// SPDX-License-Identifier: Apache-2.0
// What waits to be sent to a server. Bounded in bytes: the oldest is dropped, and the caller told
// how many values that were. What belongs to the newest step always has room, so that a machine
// with many processes is not cut short for ever; everything else gives way to it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace wattvisor {

// One request or frame, as it goes over the wire.
struct PushMessage {
    std::string bytes;
    std::size_t values = 0; // of metrics in it
};

class PushQueue {
public:
    struct Item {
        PushMessage message;
        std::uint64_t step = 0; // which push() it came with
    };

    // A limit of 0 keeps the newest step only.
    explicit PushQueue(std::size_t limit_bytes) : limit_(limit_bytes) {}

    // All messages of a step. Returns how many values were dropped for them.
    std::size_t push(std::vector<PushMessage> messages);
    // The oldest one, to be sent.
    [[nodiscard]] std::optional<Item> take();
    // Back to the front, since it could not be sent. Returns how many values were dropped.
    std::size_t give_back(Item item);

    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] bool empty() const { return items_.empty(); }

private:
    std::size_t drop_oldest();

    std::size_t limit_;
    std::size_t bytes_ = 0;
    std::uint64_t step_ = 0;
    std::deque<Item> items_;
};

} // namespace wattvisor
