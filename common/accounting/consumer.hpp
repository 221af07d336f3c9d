// SPDX-License-Identifier: Apache-2.0
// What energy is charged to, and what a consumer source says of it at each tick.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace wattvisor {

enum class ConsumerKind { vm, process };

// Who a consumer is. Immutable: a source that learns something new (a VM became enrolled) makes a
// new one with the same key. Names and command lines are hostile text; exporters escape them.
struct Consumer {
    ConsumerKind kind = ConsumerKind::process;
    // Unique and never used again: the domain's UUID, or "PID:STARTTIME" of a process.
    std::string key;
    std::string name;    // the domain's name, or the process' comm
    std::string title;   // the domain's <title>; empty for a process
    pid_t pid = 0;       // the process, or the VM's QEMU process; 0 when unknown
    std::string exe;     // name of the executable as /proc/PID/comm has it (15 characters)
    std::string cmdline; // arguments joined without separator, as the seed's label has them
    unsigned vcpus = 0;
    bool enrolled = false; // the domain's XML carries the share
};

using ConsumerPtr = std::shared_ptr<const Consumer>;

struct ConsumerUsage {
    ConsumerPtr consumer;
    // CPU time since the source began to watch this consumer: all of its threads, ended ones too.
    // A consumer that was not in the sample before is counted from 0, also when it comes back.
    std::chrono::nanoseconds cpu_time{0};
};

// One reading of a consumer source. Consumers that are not listed have ended.
struct UsageSample {
    std::vector<ConsumerUsage> consumers;
    // CPU time that the machine was busy since the source began to watch it; absent when it could
    // not be read this time.
    std::optional<std::chrono::nanoseconds> busy_time;
};

class ConsumerSource {
public:
    ConsumerSource() = default;
    ConsumerSource(const ConsumerSource&) = delete;
    ConsumerSource& operator=(const ConsumerSource&) = delete;
    virtual ~ConsumerSource() = default;

    [[nodiscard]] virtual UsageSample collect() = 0;
};

} // namespace wattvisor
