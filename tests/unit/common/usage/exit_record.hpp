// SPDX-License-Identifier: Apache-2.0
// Records of ended threads as the kernel sends them, built by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <optional>
#include <string>
#include <vector>

namespace wattvisor::test {

inline constexpr std::uint16_t kFamily = 31;

struct ExitRecord {
    std::uint32_t thread = 70;
    std::uint32_t process = 70;
    std::uint32_t parent = 7;
    std::uint16_t version = 13;
    std::uint8_t flags = 0x20; // AGROUP
    std::uint64_t cpu_ns = 5'000'000;
    std::uint64_t age_us = 9'000;
    std::uint64_t program = 4711;
    std::string comm = "cc1";
    std::optional<std::uint64_t> process_cpu_ns = std::nullopt;
    std::uint8_t command = TASKSTATS_CMD_NEW;
    std::size_t room = 416; // sizeof(struct taskstats) of version 13
    // The aggregate's id, where it is not the process.
    std::optional<std::uint32_t> group = std::nullopt;
};

class Message {
public:
    template <typename T>
    void put(const T& value) {
        const auto* first = reinterpret_cast<const std::byte*>(&value);
        bytes_.insert(bytes_.end(), first, first + sizeof value);
    }
    std::size_t open(std::uint16_t type) {
        put(nlattr{0, type});
        return bytes_.size() - sizeof(nlattr);
    }
    void close(std::size_t start) {
        const auto length = static_cast<std::uint16_t>(bytes_.size() - start);
        std::memcpy(bytes_.data() + start, &length, sizeof length);
        bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
    }
    void grow(std::size_t by) { bytes_.resize(bytes_.size() + by); }
    template <typename T>
    void set(std::size_t offset, const T& value) {
        std::memcpy(bytes_.data() + offset, &value, sizeof value);
    }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

private:
    std::vector<std::byte> bytes_;
};

inline void put_stats(Message& message, const ExitRecord& record) {
    const std::size_t start = message.open(TASKSTATS_TYPE_STATS);
    const std::size_t stats = message.size();
    message.grow(416);
    message.set(stats, record.version);
    message.set(stats + 8, record.flags);
    message.set(stats + 72, record.cpu_ns);
    for (std::size_t i = 0; i < record.comm.size() && i < 32; ++i) {
        message.set(stats + 80 + i, record.comm[i]);
    }
    message.set(stats + 128, record.thread);
    message.set(stats + 132, record.parent);
    message.set(stats + 368, record.process);
    message.set(stats + 376, record.age_us);
    message.set(stats + 392, record.program);
    if (record.room < 416) {
        auto bytes = message.take();
        bytes.resize(stats + record.room);
        message = Message();
        for (const std::byte byte : bytes) {
            message.put(byte);
        }
    }
    message.close(start);
}

inline std::vector<std::byte> datagram(const ExitRecord& record) {
    Message message;
    message.put(nlmsghdr{0, kFamily, 0, 0, 0});
    message.put(genlmsghdr{record.command, 1, 0});
    const std::size_t thread = message.open(TASKSTATS_TYPE_AGGR_PID);
    const std::size_t id = message.open(TASKSTATS_TYPE_PID);
    message.put(record.thread);
    message.close(id);
    put_stats(message, record);
    message.close(thread);
    if (record.process_cpu_ns) {
        const std::size_t group = message.open(TASKSTATS_TYPE_AGGR_TGID);
        const std::size_t group_id = message.open(TASKSTATS_TYPE_TGID);
        message.put(record.group.value_or(record.process));
        message.close(group_id);
        ExitRecord sums;
        sums.version = 0;
        sums.comm.clear();
        sums.cpu_ns = *record.process_cpu_ns;
        put_stats(message, sums);
        message.close(group);
    }
    auto bytes = message.take();
    const auto length = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(bytes.data(), &length, sizeof length);
    return bytes;
}

} // namespace wattvisor::test
