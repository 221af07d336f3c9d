// SPDX-License-Identifier: Apache-2.0
// What is known of the machine beside its energy: memory, load, file systems and the like. Read by
// the tick, on its thread, and only where an exporter tells of it. Parsers are pure functions of
// the kernel's texts: proc(5).
#pragma once

#include "common/base/file_descriptor.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

// A mounted file system on a disk. Its names are hostile text.
struct Disk {
    std::string name;        // of the device, "/dev/nvme0n1p2"
    std::string mount_point; // "/"
    std::string file_system; // "ext4"
    std::string type;        // "SSD", "HDD" or "Unknown"
    bool removable = false;
    std::uint64_t total_bytes = 0;
    std::uint64_t available_bytes = 0; // to any user
};

// Absent parts could not be read.
struct HostStats {
    struct Load {
        double one = 0;
        double five = 0;
        double fifteen = 0;
    };
    struct Memory { // bytes
        std::uint64_t total = 0;
        std::uint64_t available = 0;
        std::uint64_t free = 0;
        std::uint64_t swap_total = 0;
        std::uint64_t swap_free = 0;
    };
    struct Activity { // of /proc/stat
        std::uint64_t forks = 0;
        std::uint64_t context_switches = 0;
        std::uint64_t running = 0;
        std::uint64_t blocked = 0;
    };
    std::optional<Load> load;
    std::optional<Memory> memory;
    std::optional<Activity> activity;
    std::optional<double> cpu_mhz; // mean of all CPUs
    std::optional<unsigned> cpus;  // online
    std::vector<Disk> disks;
};

[[nodiscard]] std::optional<HostStats::Load> parse_loadavg(std::string_view text);
// Absent where the kernel does not say how much there is or is free.
[[nodiscard]] std::optional<HostStats::Memory> parse_meminfo(std::string_view text);
[[nodiscard]] std::optional<HostStats::Activity> parse_activity(std::string_view stat);
// Mean of the lines "cpu MHz" of /proc/cpuinfo.
[[nodiscard]] std::optional<double> parse_cpuinfo_mhz(std::string_view text);

class HostStatsReader {
public:
    HostStatsReader(std::filesystem::path proc_root, std::filesystem::path sys_root);

    // `now` is the monotonic clock. Frequencies are read every 10 s and file systems every 30 s:
    // both cost more, and change little.
    void read(std::chrono::nanoseconds now);
    [[nodiscard]] const HostStats& last() const { return stats_; }

private:
    // A file of /proc that stays open between ticks.
    struct OpenFile {
        std::filesystem::path path;
        FileDescriptor fd{};
    };
    [[nodiscard]] std::optional<std::string_view> text_of(OpenFile& file);
    void read_cpus();

    std::filesystem::path proc_root_;
    std::filesystem::path sys_root_;
    OpenFile loadavg_;
    OpenFile meminfo_;
    OpenFile stat_;
    std::string buffer_;
    std::optional<std::chrono::nanoseconds> frequency_at_;
    std::optional<std::chrono::nanoseconds> disks_at_;
    HostStats stats_;
};

} // namespace wattvisor
