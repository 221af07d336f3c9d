// SPDX-License-Identifier: Apache-2.0
// The record of what the simulated host really used: one JSON object per line and update, against
// which an agent's numbers are held. Each line is written by one call, after the files it tells
// of. Pure but for its file; one thread.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"
#include "tests/simulated-host/host_truth.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace wattvisor::simulated {

// When the files were written, on CLOCK_MONOTONIC: a reader before `begin` saw the values of the
// line before, one after `end` those of this line.
struct UpdateTime {
    std::uint64_t number = 0;
    nanoseconds begin{0};
    nanoseconds end{0};
};

// Zones only: with the load of the real machine, nobody knows more.
[[nodiscard]] std::string truth_line(const UpdateTime& update, const std::vector<BankZone>& zones);
// All of it. Energies are microjoules with the femtojoules behind the point, in the zones' order.
[[nodiscard]] std::string truth_line(const UpdateTime& update, const HostTruth& truth);

class TruthRecord {
public:
    // Without a file, a record that keeps nothing.
    TruthRecord() = default;
    [[nodiscard]] static Result<TruthRecord> create(const std::filesystem::path& path);

    [[nodiscard]] bool is_kept() const { return static_cast<bool>(file_); }
    [[nodiscard]] Result<bool> add(const std::string& line);

private:
    FileDescriptor file_;
    std::string where_;
};

} // namespace wattvisor::simulated
