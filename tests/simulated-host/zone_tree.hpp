// SPDX-License-Identifier: Apache-2.0
// Writes a simulated host's counters as /sys/class/powercap, faults included: zones vanish and
// come back, and a counter turns into something that nobody can read, root included. One thread;
// never reads.
//
// Unreadable means: a folder stands in the counter's place (EISDIR), since a file's mode keeps
// nobody out who is root, and who still has the file open reads nothing. A zone that vanishes
// leaves the same to readers, where the kernel answers ENODEV. The file that comes back is the one
// that went, so that they find numbers in it again.
#pragma once

#include "tests/simulated-host/padded_file.hpp"
#include "tests/simulated-host/zone_bank.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace wattvisor::simulated {

class ZoneTree {
public:
    [[nodiscard]] static Result<ZoneTree> create(const std::filesystem::path& root,
                                                 const ZoneBank& zones, DescriptorBudget& budget);
    [[nodiscard]] Result<bool> write(const ZoneBank& zones);
    // Takes away what was made; other files in the root stay.
    void remove();

private:
    struct Files {
        bool is_present = false;
        bool is_readable = true;
        std::optional<PaddedFile> counter; // also while it is out of sight
    };

    ZoneTree(std::filesystem::path root, DescriptorBudget& budget)
        : root_(std::move(root)), budget_(&budget) {}
    [[nodiscard]] Result<bool> write_zone(Files& files, const BankZone& zone);
    [[nodiscard]] Result<bool> appear(Files& files, const BankZone& zone);
    [[nodiscard]] Result<bool> vanish(Files& files, const std::string& folder);
    [[nodiscard]] Result<bool> hide_counter(Files& files, const std::string& folder);
    [[nodiscard]] Result<bool> make_unreadable(Files& files, const BankZone& zone);
    [[nodiscard]] Result<bool> place_counter(Files& files, const BankZone& zone);

    std::filesystem::path root_;
    DescriptorBudget* budget_;
    std::map<std::string, Files> files_; // by folder
};

} // namespace wattvisor::simulated
