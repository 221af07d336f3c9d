// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/push_queue.hpp"

#include <utility>

namespace wattvisor {

std::size_t PushQueue::push(std::vector<PushMessage> messages) {
    ++step_;
    for (PushMessage& message : messages) {
        bytes_ += message.bytes.size();
        items_.push_back(Item{std::move(message), step_});
    }
    return drop_oldest();
}

std::optional<PushQueue::Item> PushQueue::take() {
    if (items_.empty()) {
        return std::nullopt;
    }
    Item item = std::move(items_.front());
    items_.pop_front();
    bytes_ -= item.message.bytes.size();
    return item;
}

std::size_t PushQueue::give_back(Item item) {
    bytes_ += item.message.bytes.size();
    items_.push_front(std::move(item));
    return drop_oldest();
}

std::size_t PushQueue::drop_oldest() {
    std::size_t values = 0;
    while (bytes_ > limit_ && !items_.empty() && items_.front().step != step_) {
        values += items_.front().message.values;
        bytes_ -= items_.front().message.bytes.size();
        items_.pop_front();
    }
    return values;
}

} // namespace wattvisor
