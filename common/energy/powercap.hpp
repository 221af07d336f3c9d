// SPDX-License-Identifier: Apache-2.0
// The RAPL sensor: reads a tree that looks like the kernel's powercap class folder, in its flat
// view (Documentation/power/powercap/powercap.rst). Reads the kernel's own tree on a host, and
// inside a VM the one that a host agent wrote, ours or Scaphandre's, which has no names and no
// ranges. Counters stay open between ticks. Never writes, never blocks on what lies in the folder.
#pragma once

#include "common/base/file_descriptor.hpp"
#include "common/energy/energy_source.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace wattvisor {

// "intel-rapl:0", "intel-rapl:0:1" or "intel-rapl-mmio:0": what a zone folder's name says.
struct ZoneFolder {
    unsigned parent = 0;
    bool is_subzone = false;
    unsigned child = 0;
    bool is_mmio = false; // the other way to the same registers, on some laptops
};

// Other control types give no value: dtpm is something else.
[[nodiscard]] std::optional<ZoneFolder> parse_zone_folder(std::string_view folder);

// The kind that a zone's name stands for: "package-0", "package-1-die-0", "core", "uncore", "dram",
// "psys". Other names give no value. The socket is in the name of a package only.
[[nodiscard]] std::optional<ZoneKind> parse_zone_kind(std::string_view name);
[[nodiscard]] std::optional<unsigned> parse_package_number(std::string_view name);

// The zones of a class folder, sorted by id. Zones that lack a name get the one their place
// implies. A zone of intel-rapl-mmio counts only where intel-rapl has none of its kind on that
// socket: it repeats the same joules. Throws nothing; an unreadable folder is an error with a hint
// for a person.
struct FoundZones {
    ZoneList zones;
    ZoneList repeated;
};
[[nodiscard]] Result<FoundZones> discover_zones(const std::filesystem::path& class_folder);

// Whether the zone is of the control type intel-rapl-mmio.
[[nodiscard]] bool is_mmio_zone(const Zone& zone);

class PowercapSource final : public EnergySource {
public:
    explicit PowercapSource(std::filesystem::path class_folder);

    // Looks for the zones at the first call and every ten after: zones come and go with kernel
    // modules. Opens all anew whenever none could be read or all stood still for long: what is
    // behind the open files may have been replaced.
    [[nodiscard]] Result<EnergySample> read(std::chrono::nanoseconds now) override;

private:
    struct Counter {
        std::filesystem::path path;
        FileDescriptor fd;
        std::optional<std::uint64_t> last_uj;
    };
    [[nodiscard]] Result<bool> open_zones();
    [[nodiscard]] bool has_other_zones_now();
    [[nodiscard]] Result<std::uint64_t> read_counter(Counter& counter);
    [[nodiscard]] std::vector<Counter> counters_of(const ZoneList& zones) const;
    void read_repeated(EnergySample& sample);

    std::filesystem::path class_folder_;
    ZoneListPtr zones_;
    std::vector<Counter> counters_;
    ZoneList repeated_;
    std::vector<Counter> repeated_counters_;
    std::string buffer_;
    std::uint64_t sequence_ = 0;
    unsigned still_reads_ = 0;
    unsigned reads_since_look_ = 0;
    std::vector<std::string> folders_; // of zones, as they were when last looked for
};

} // namespace wattvisor
