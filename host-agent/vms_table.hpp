// SPDX-License-Identifier: Apache-2.0
// The table of `wattvisor-host vms`, for people and as JSON. Pure functions of the rows, which
// vms_list.hpp gets from libvirt and the command fills with energy; any thread. What is written is
// safe for a terminal whatever a VM is called. Never guesses: what is not known is a dash or null.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wattvisor::host {

enum class Enrollment {
    unknown, // the VM's XML could not be read
    no,
    yes,
    ninep, // it has a 9p device with our tag: the guest mounts it with -t 9p
};

struct VmRow {
    std::string name;
    std::string uuid;
    std::string state; // as virsh says it: "running", "shut off", …
    Enrollment enrolled = Enrollment::unknown;
    std::string share_source;     // the folder that the share exports; empty if not enrolled
    std::optional<bool> share_ok; // whether that folder is there and written; absent: not looked
    std::optional<double> watts;
    std::optional<double> joules;
};

// Aligned columns, at most `columns` wide: the name gives way first, then the UUID is shortened to
// its first group. Columns of which no VM has a value are left out.
[[nodiscard]] std::string render_vms_table(std::span<const VmRow> rows, std::size_t columns = 80);

// A JSON array with one object per VM; what is not known is null. Ends with a newline.
[[nodiscard]] std::string render_vms_json(std::span<const VmRow> rows);

} // namespace wattvisor::host
