// SPDX-License-Identifier: Apache-2.0
// Which CPU is on which socket, and CPU time counted per socket. Energy of a socket is split by the
// time that was spent there, so all CPU times of the pipeline are kept per socket. A VM's kernel
// invents its sockets: a guest counts all of its time as one.
#pragma once

#include "common/base/error.hpp"

#include <boost/container/small_vector.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace wattvisor {

// CPU time per socket, by the index that CpuTopology gives it. Most machines have one or two, and
// this is copied for every consumer at every tick.
using SocketTimes = boost::container::small_vector<std::chrono::nanoseconds, 2>;

[[nodiscard]] std::chrono::nanoseconds total_of(const SocketTimes& times);

struct CpuTopology {
    std::vector<unsigned> packages;         // physical package ids, ascending; a socket's index is
                                            // its place in here
    std::vector<unsigned> cpus;             // online CPUs per socket
    std::vector<std::size_t> socket_of_cpu; // by CPU number; packages.size() where not online

    [[nodiscard]] std::size_t sockets() const { return packages.size(); }
    [[nodiscard]] unsigned total_cpus() const;
    // The socket's index. No value for a package that this machine does not have.
    [[nodiscard]] std::optional<std::size_t> socket_of_package(unsigned package) const;

    friend bool operator==(const CpuTopology&, const CpuTopology&) = default;
};

using CpuTopologyPtr = std::shared_ptr<const CpuTopology>;

// All CPUs on one socket, number 0: a guest, and a machine whose sockets are not known.
[[nodiscard]] CpuTopology single_socket(unsigned cpus);

// "0-3,8,10-11" as /sys/devices/system/cpu/online has it; no value for another text. Source:
// Documentation/admin-guide/cputopology.rst.
[[nodiscard]] std::optional<std::vector<unsigned>> parse_cpu_list(std::string_view text);

// From /sys/devices/system/cpu: `online` and each CPU's topology/physical_package_id. A CPU without
// a package id counts as on package 0, as the kernel's default is where an architecture has none.
[[nodiscard]] Result<CpuTopology> read_topology(const std::filesystem::path& sys_root);

} // namespace wattvisor
