// SPDX-License-Identifier: Apache-2.0
// What a RAPL zone is. Source: Documentation/power/powercap/powercap.rst of the kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

enum class ZoneKind {
    package, // a whole socket without its memory
    core,    // inside package
    uncore,  // inside package
    dram,    // beside package
    psys,    // the whole platform; contains the packages
};

// What a kind is called in labels, files and configuration, by ZoneKind.
inline constexpr std::array<const char*, 5> kZoneKindNames{"package", "core", "uncore", "dram",
                                                           "psys"};
[[nodiscard]] constexpr std::string_view zone_kind_name(ZoneKind kind) {
    return kZoneKindNames[static_cast<std::size_t>(kind)];
}

struct Zone {
    std::string id;   // the folder's name in the class folder, "intel-rapl:0:1": unique
    std::string name; // what the kernel calls it: "package-0", "core", "dram", "psys"
    ZoneKind kind = ZoneKind::package;
    unsigned socket = 0;
    // Microjoules after which the counter starts again at 0; 0 where the source does not say.
    std::uint64_t max_energy_range_uj = 0;

    friend bool operator==(const Zone&, const Zone&) = default;
};

using ZoneList = std::vector<Zone>;
using ZoneListPtr = std::shared_ptr<const ZoneList>;

// Whether the zone is part of the host's energy. Packages and dram lie side by side; core and
// uncore are inside package and psys contains packages, so adding those would count joules twice.
[[nodiscard]] constexpr bool counts_in_total(ZoneKind kind) {
    return kind == ZoneKind::package || kind == ZoneKind::dram;
}

} // namespace wattvisor
