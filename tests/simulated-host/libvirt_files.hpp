// SPDX-License-Identifier: Apache-2.0
// What libvirt would have written about the simulated VMs: pid files below /run/libvirt/qemu, and
// a definition of all VMs for libvirt's own test driver (test:///PATH), so that an agent sees them
// without libvirtd. Names are escaped as libvirt does. One thread; never reads.
//
// The test driver reads its file when a connection is opened: VMs that start or end later are seen
// by a connection that is opened later.
#pragma once

#include "common/base/error.hpp"
#include "tests/simulated-host/simulated_host.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace wattvisor::simulated {

class LibvirtFiles {
public:
    // Pid files go into `run_dir`.
    [[nodiscard]] static Result<LibvirtFiles> create(const std::filesystem::path& run_dir,
                                                     const std::filesystem::path& node_xml,
                                                     const SimulatedHost& host);
    [[nodiscard]] Result<bool> write(const SimulatedHost& host);

private:
    std::filesystem::path run_dir_;
    std::filesystem::path node_xml_;
    std::map<std::string, std::string> shown_; // file below the run folder, and its text
    std::optional<std::uint64_t> shown_generation_;
};

// For the test driver: running VMs in the order of their ids, then those that are shut off.
[[nodiscard]] std::string format_node_xml(const SimulatedHost& host);

[[nodiscard]] std::string escape_xml(const std::string& text);

} // namespace wattvisor::simulated
