// SPDX-License-Identifier: Apache-2.0
// Writes the simulated host's zones as a tree like /sys/class/powercap: real folders nested below
// the control type and relative links beside it, as the kernel has them. Values are written in
// place with a constant length, so no reader meets an empty or a torn one, and they appear with
// their content. One thread. Never reads, and removes nothing unless remove() is called.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"
#include "tests/simulated-host/host_model.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace wattvisor::simulated {

// The number, padded behind with newlines to a constant length.
[[nodiscard]] std::string padded(std::uint64_t value);

class PowercapTree {
public:
    [[nodiscard]] static Result<PowercapTree> create(const std::filesystem::path& root,
                                                     const HostModel& model);

    [[nodiscard]] Result<bool> write(const HostModel& model);
    // Takes away what create() made; other files in the root stay.
    void remove() const;

private:
    std::filesystem::path root_;
    std::vector<std::string> folders_; // in the flat view
    std::vector<FileDescriptor> counters_;
};

} // namespace wattvisor::simulated
