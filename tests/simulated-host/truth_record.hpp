// SPDX-License-Identifier: Apache-2.0
// The record of what the simulated host really used: one JSON object per line and update, against
// which an agent's numbers are held. Each line is written by one call, after the counters it tells
// of. Pure but for its file; one thread.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"
#include "tests/simulated-host/host_model.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace wattvisor::simulated {

// When the counters were written, on CLOCK_MONOTONIC: a reader before `begin` saw the values of the
// line before, one after `end` those of this line.
struct UpdateTime {
    std::uint64_t number = 0;
    std::chrono::nanoseconds begin{0};
    std::chrono::nanoseconds end{0};
};

[[nodiscard]] std::string truth_line(const UpdateTime& update,
                                     const std::vector<SimulatedZone>& zones);

class TruthRecord {
public:
    // Without a file, a record that keeps nothing.
    TruthRecord() = default;
    [[nodiscard]] static Result<TruthRecord> create(const std::filesystem::path& path);

    [[nodiscard]] Result<bool> add(const UpdateTime& update,
                                   const std::vector<SimulatedZone>& zones);

private:
    FileDescriptor file_;
    std::string where_;
};

} // namespace wattvisor::simulated
