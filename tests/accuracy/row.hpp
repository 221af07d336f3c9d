// SPDX-License-Identifier: Apache-2.0
// A row of the table of accuracy: what a meter charged to each VM over a run, and what it should
// have. Plain values; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor::accuracy {

struct VmResult {
    std::string name;
    double charged = 0; // joules, or a part of all energy: the unit of `truth`
    double truth = 0;
    // Of one zone, the worst, as a part of what is true of the VM in all zones of that kind: energy
    // on the wrong socket shows here.
    double zone_error = 0;
    // How far apart the truth is just before and just after the meter looked; live runs only.
    double doubt = 0;

    // As a part of the truth: 0.01 is 1 %.
    [[nodiscard]] double error() const;
    // The part of it that is no doubt: on a machine that takes the CPU away between two looks, a
    // short run says little about a small VM.
    [[nodiscard]] double sure_error() const;
};

struct Row {
    std::string load;
    std::string source; // of CPU times: "files", "clock", "bpf"
    std::chrono::nanoseconds interval{0};
    std::chrono::nanoseconds length{0};
    std::vector<VmResult> vms;
    // The most that the sum of all parts was off from a counter, in microjoules.
    std::uint64_t sum_error_uj = 0;
    // How far even a perfect meter is from the truth of each instant at this interval: the worst
    // VM. Not known of real processes.
    double interval_error = 0;

    [[nodiscard]] const VmResult& worst() const; // of at least one VM
    [[nodiscard]] double zone_error() const;
};

// 1 % per VM over a minute.
inline constexpr double kBound = 0.01;

[[nodiscard]] bool holds(const Row& row, double bound);

// "charged" against "truth" as a part of the truth; of nothing, anything is too much.
[[nodiscard]] double relative_error(double charged, double truth);

[[nodiscard]] std::string text_table(const std::vector<Row>& rows);
[[nodiscard]] std::string json_rows(const std::vector<Row>& rows);

} // namespace wattvisor::accuracy
