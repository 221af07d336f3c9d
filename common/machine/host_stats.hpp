// SPDX-License-Identifier: Apache-2.0
// What is known of the machine beside its energy: memory, load, file systems and the like.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
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
    std::vector<Disk> disks;
};

} // namespace wattvisor
