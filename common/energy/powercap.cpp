// SPDX-License-Identifier: Apache-2.0
#include "common/energy/powercap.hpp"

#include "common/base/text_file.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <tuple>

namespace wattvisor {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kControlType = "intel-rapl:";
constexpr std::string_view kMmioControlType = "intel-rapl-mmio:";
// How many reads lie between two looks for zones that came or went.
constexpr unsigned kReadsPerLook = 10;
// So many reads without any counter moving, and the open files may be of a tree that is gone.
constexpr unsigned kStillReads = 10;

std::optional<unsigned> take_number(std::string_view& text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

std::string read_trimmed(const fs::path& path) {
    const auto text = read_text(path, 4096);
    return text ? std::string(trim(*text)) : std::string();
}

// Without a name, a folder's place says what it must be; so it is in a tree of Scaphandre's.
std::optional<Zone> describe_zone(const fs::path& folder, const ZoneFolder& place) {
    Zone zone;
    zone.id = folder.filename().string();
    zone.name = read_trimmed(folder / "name");
    zone.socket = place.parent;
    if (zone.name.empty() && !place.is_subzone) {
        zone.name = "package-" + std::to_string(place.parent);
    }
    const auto kind = parse_zone_kind(zone.name);
    if (!kind) {
        return std::nullopt;
    }
    zone.kind = *kind;
    if (zone.kind == ZoneKind::package) {
        zone.socket = parse_package_number(zone.name).value_or(place.parent);
    }
    zone.max_energy_range_uj =
        parse_number(read_trimmed(folder / "max_energy_range_uj")).value_or(0);
    return zone;
}

auto place_of(const Zone& zone) {
    const auto place = parse_zone_folder(zone.id).value_or(ZoneFolder{});
    return std::tuple(place.is_mmio, place.parent, place.is_subzone, place.child);
}

// A subzone is on the socket of its parent, whatever number the kernel gave the parent's folder.
void inherit_sockets(ZoneList& zones) {
    for (Zone& zone : zones) {
        const auto place = parse_zone_folder(zone.id);
        if (!place || !place->is_subzone) {
            continue;
        }
        for (const Zone& parent : zones) {
            const auto parent_place = parse_zone_folder(parent.id);
            if (!parent_place->is_subzone && parent_place->parent == place->parent &&
                parent_place->is_mmio == place->is_mmio) {
                zone.socket = parent.socket;
            }
        }
    }
}

// The same joule twice: both ways lead to the same registers of the processor.
FoundZones set_repetitions_apart(const ZoneList& all) {
    FoundZones found;
    for (const Zone& zone : all) {
        const bool is_repeated =
            is_mmio_zone(zone) && std::any_of(all.begin(), all.end(), [&zone](const Zone& other) {
                return !is_mmio_zone(other) && other.kind == zone.kind &&
                       (other.socket == zone.socket || zone.kind == ZoneKind::psys);
            });
        (is_repeated ? found.repeated : found.zones).push_back(zone);
    }
    return found;
}

// The names of the folders that may be zones, sorted.
std::vector<std::string> list_zone_folders(const fs::path& class_folder) {
    std::vector<std::string> names;
    std::error_code error;
    fs::directory_iterator entries(class_folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        std::string name = entries->path().filename().string();
        if (parse_zone_folder(name)) {
            names.push_back(std::move(name));
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

Error no_zones(const fs::path& class_folder) {
    return Error{Severity::transient, "no RAPL zone with an energy counter", class_folder.string(),
                 "On a host type 'modprobe intel_rapl_common'; inside a VM use --vm, which reads "
                 "the share that the host publishes"};
}

} // namespace

std::optional<ZoneFolder> parse_zone_folder(std::string_view folder) {
    const bool is_mmio = folder.starts_with(kMmioControlType);
    if (!is_mmio && !folder.starts_with(kControlType)) {
        return std::nullopt;
    }
    folder.remove_prefix(is_mmio ? kMmioControlType.size() : kControlType.size());
    const auto parent = take_number(folder);
    if (!parent) {
        return std::nullopt;
    }
    ZoneFolder place{*parent, false, 0, is_mmio};
    if (folder.empty()) {
        return place;
    }
    if (folder.front() != ':') {
        return std::nullopt;
    }
    folder.remove_prefix(1);
    const auto child = take_number(folder);
    if (!child || !folder.empty()) {
        return std::nullopt;
    }
    place.is_subzone = true;
    place.child = *child;
    return place;
}

std::optional<ZoneKind> parse_zone_kind(std::string_view name) {
    if (parse_package_number(name)) {
        return ZoneKind::package;
    }
    if (name == "core") {
        return ZoneKind::core;
    }
    if (name == "uncore") {
        return ZoneKind::uncore;
    }
    if (name == "dram") {
        return ZoneKind::dram;
    }
    if (name == "psys") {
        return ZoneKind::psys;
    }
    return std::nullopt;
}

std::optional<unsigned> parse_package_number(std::string_view name) {
    constexpr std::string_view kPackage = "package-";
    if (!name.starts_with(kPackage)) {
        return std::nullopt;
    }
    name.remove_prefix(kPackage.size());
    const auto number = take_number(name);
    if (!name.empty() && !name.starts_with("-die-")) {
        return std::nullopt;
    }
    return number;
}

bool is_mmio_zone(const Zone& zone) {
    return zone.id.starts_with(kMmioControlType);
}

Result<FoundZones> discover_zones(const fs::path& class_folder) {
    std::error_code error;
    fs::directory_iterator entries(class_folder, error);
    if (error) {
        return system_error(error.value(), class_folder.string(),
                            "On a host type 'modprobe intel_rapl_common'; inside a VM use --vm");
    }
    ZoneList zones;
    // increment(error) instead of ++: a share that is unmounted while it is listed must not throw.
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const auto place = parse_zone_folder(entries->path().filename().string());
        std::error_code missing;
        // Scaphandre's tree has an empty subzone folder: no counter, no zone.
        if (!place || !fs::exists(entries->path() / "energy_uj", missing)) {
            continue;
        }
        if (auto zone = describe_zone(entries->path(), *place)) {
            zones.push_back(std::move(*zone));
        }
    }
    if (zones.empty()) {
        return no_zones(class_folder);
    }
    std::sort(zones.begin(), zones.end(),
              [](const Zone& a, const Zone& b) { return place_of(a) < place_of(b); });
    inherit_sockets(zones);
    return set_repetitions_apart(zones);
}

PowercapSource::PowercapSource(fs::path class_folder) : class_folder_(std::move(class_folder)) {}

std::vector<PowercapSource::Counter> PowercapSource::counters_of(const ZoneList& zones) const {
    std::vector<Counter> counters;
    for (const Zone& zone : zones) {
        counters.push_back({class_folder_ / zone.id / "energy_uj", FileDescriptor(), {}});
    }
    return counters;
}

Result<bool> PowercapSource::open_zones() {
    auto found = discover_zones(class_folder_);
    if (!found) {
        return found.error();
    }
    folders_ = list_zone_folders(class_folder_);
    counters_ = counters_of(found->zones);
    if (!zones_ || *zones_ != found->zones) {
        zones_ = std::make_shared<const ZoneList>(std::move(found->zones));
    }
    repeated_ = std::move(found->repeated);
    repeated_counters_ = counters_of(repeated_);
    return true;
}

void PowercapSource::read_repeated(EnergySample& sample) {
    for (std::size_t i = 0; i < repeated_.size(); ++i) {
        if (const auto value = read_counter(repeated_counters_[i])) {
            sample.repeated.push_back({repeated_[i], *value});
        }
    }
}

bool PowercapSource::has_other_zones_now() {
    if (++reads_since_look_ < kReadsPerLook) {
        return false;
    }
    reads_since_look_ = 0;
    return list_zone_folders(class_folder_) != folders_;
}

Result<std::uint64_t> PowercapSource::read_counter(Counter& counter) {
    if (!counter.fd) {
        auto opened = open_for_reading(counter.path);
        if (!opened) {
            Error error = opened.error();
            if (error.what == system_error(EACCES, {}).what) {
                error.hint = "The kernel lets only root read energy counters: run as root, or type "
                             "'chmod a+r " +
                             counter.path.string() + "'";
            }
            return error;
        }
        counter.fd = std::move(*opened);
    }
    const auto text = reread(counter.fd.get(), buffer_, counter.path.string());
    if (!text) {
        counter.fd.reset(); // the zone was unbound, or the share went away: open it anew next time
        return text.error();
    }
    if (const auto value = parse_number(*text)) {
        return *value;
    }
    counter.fd.reset(); // or the open file is of a tree that is gone
    // Scaphandre truncates before it writes, so its file is empty now and then.
    return Error{Severity::transient,
                 text->empty() ? "is empty" : "does not hold a number of microjoules",
                 counter.path.string(),
                 {}};
}

Result<EnergySample> PowercapSource::read(std::chrono::nanoseconds now) {
    if (!zones_ || counters_.empty() || has_other_zones_now()) {
        if (auto opened = open_zones(); !opened) {
            return opened.error();
        }
    }
    EnergySample sample;
    sample.zones = zones_;
    sample.epoch = "local";
    sample.moves_always = true;
    sample.time = now;
    sample.counters_uj.reserve(counters_.size());
    bool any = false;
    bool has_moved = false;
    for (Counter& counter : counters_) {
        auto value = read_counter(counter);
        if (value) {
            any = true;
            has_moved = has_moved || counter.last_uj != *value;
            counter.last_uj = *value;
        }
        sample.counters_uj.push_back(std::move(value));
    }
    if (!any) {
        counters_.clear(); // the tree may have been replaced: look for the zones again
        return sample.counters_uj.front().error();
    }
    still_reads_ = has_moved ? 0 : still_reads_ + 1;
    if (still_reads_ >= kStillReads) {
        counters_.clear(); // a file that was deleted or unmounted keeps its last value while open
        still_reads_ = 0;
    }
    read_repeated(sample);
    sample.sequence = ++sequence_;
    return sample;
}

} // namespace wattvisor
