// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/zone_tree.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <set>
#include <system_error>
#include <unistd.h>

namespace wattvisor::simulated {

namespace fs = std::filesystem;

namespace {

// "intel-rapl/intel-rapl:0/intel-rapl:0:1" for "intel-rapl:0:1".
fs::path nested_path(const std::string& folder) {
    const std::size_t first = folder.find(':');
    const std::size_t second = folder.find(':', first + 1);
    const fs::path package = fs::path(folder.substr(0, first)) / folder.substr(0, second);
    return second == std::string::npos ? package : package / folder;
}

Result<bool> make_folder(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    return error ? Result<bool>(system_error(error.value(), path.string())) : Result<bool>(true);
}

std::string shown_text(const BankZone& zone) {
    return zone.garbage.value_or(fmt::format("{}\n", zone.shown_uj()));
}

} // namespace

Result<ZoneTree> ZoneTree::create(const fs::path& root, const ZoneBank& zones,
                                  DescriptorBudget& budget) {
    ZoneTree tree(root, budget);
    for (const BankZone& zone : zones.zones()) {
        const fs::path type = root / zone.folder.substr(0, zone.folder.find(':'));
        if (auto made = make_folder(type); !made) {
            return made.error();
        }
        if (auto placed = place_text(type / "enabled", "1\n"); !placed) {
            return placed.error();
        }
    }
    auto written = tree.write(zones);
    return written ? Result<ZoneTree>(std::move(tree)) : Result<ZoneTree>(written.error());
}

Result<bool> ZoneTree::write(const ZoneBank& zones) {
    for (const BankZone& zone : zones.zones()) {
        if (auto written = write_zone(files_[zone.folder], zone); !written) {
            return written;
        }
    }
    return true;
}

Result<bool> ZoneTree::write_zone(Files& files, const BankZone& zone) {
    if (zone.is_present != files.is_present) {
        return zone.is_present ? appear(files, zone) : vanish(files, zone.folder);
    }
    if (!zone.is_present) {
        return true;
    }
    if (zone.is_readable != files.is_readable) {
        return zone.is_readable ? place_counter(files, zone) : make_unreadable(files, zone);
    }
    return files.is_readable ? files.counter->write(shown_text(zone)) : Result<bool>(true);
}

Result<bool> ZoneTree::appear(Files& files, const BankZone& zone) {
    const fs::path nested = root_ / nested_path(zone.folder);
    if (auto made = make_folder(nested); !made) {
        return made;
    }
    for (const auto& [name, text] :
         {std::pair("name", zone.name + "\n"), std::pair("enabled", std::string("1\n")),
          std::pair("max_energy_range_uj", fmt::format("{}\n", zone.spec.range_uj))}) {
        if (auto placed = place_text(nested / name, text); !placed) {
            return placed;
        }
    }
    files.is_present = true;
    auto counter = zone.is_readable ? place_counter(files, zone) : make_unreadable(files, zone);
    if (!counter) {
        return counter;
    }
    const fs::path link = root_ / zone.folder;
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(link, error))) {
        ::unlink(link.c_str());
    }
    return ::symlink(nested_path(zone.folder).c_str(), link.c_str()) == 0
               ? Result<bool>(true)
               : Result<bool>(
                     system_error(errno, link.string(), "Choose an empty folder for --root"));
}

// Out of the zone's folder, and empty for who has it open.
Result<bool> ZoneTree::hide_counter(Files& files, const std::string& folder) {
    if (!files.counter || !files.is_readable) {
        return true;
    }
    const fs::path hidden = root_ / ("." + folder + ".hidden");
    if (::rename(files.counter->path().c_str(), hidden.c_str()) != 0) {
        return system_error(errno, hidden.string());
    }
    files.counter->moved_to(hidden);
    files.is_readable = false;
    return files.counter->blank();
}

Result<bool> ZoneTree::vanish(Files& files, const std::string& folder) {
    const fs::path nested = root_ / nested_path(folder);
    ::unlink((root_ / folder).c_str());
    auto hidden = hide_counter(files, folder);
    std::error_code ignored;
    for (const char* name : {"name", "enabled", "max_energy_range_uj", "energy_uj"}) {
        fs::remove(nested / name, ignored);
    }
    // A package's subzones stay below it until they vanish too.
    fs::remove(nested, ignored);
    files.is_present = false;
    return hidden;
}

void ZoneTree::remove() {
    std::error_code ignored;
    std::set<std::string> types;
    // Backwards: a package's folder is empty only after its subzones are gone.
    for (auto entry = files_.rbegin(); entry != files_.rend(); ++entry) {
        auto& [folder, files] = *entry;
        (void)vanish(files, folder);
        if (files.counter) {
            fs::remove(files.counter->path(), ignored);
        }
        types.insert(folder.substr(0, folder.find(':')));
    }
    for (const std::string& type : types) {
        fs::remove(root_ / type / "enabled", ignored);
        fs::remove(root_ / type, ignored);
    }
    files_.clear();
}

Result<bool> ZoneTree::make_unreadable(Files& files, const BankZone& zone) {
    if (auto hidden = hide_counter(files, zone.folder); !hidden) {
        return hidden;
    }
    files.is_readable = false;
    return make_folder(root_ / nested_path(zone.folder) / "energy_uj");
}

Result<bool> ZoneTree::place_counter(Files& files, const BankZone& zone) {
    const fs::path path = root_ / nested_path(zone.folder) / "energy_uj";
    ::rmdir(path.c_str()); // if a folder was in its place
    files.is_readable = true;
    if (files.counter) {
        if (auto written = files.counter->write(shown_text(zone)); !written) {
            return written;
        }
        if (::rename(files.counter->path().c_str(), path.c_str()) != 0) {
            return system_error(errno, path.string());
        }
        files.counter->moved_to(path);
        return true;
    }
    auto counter = PaddedFile::create(path, shown_text(zone), *budget_);
    if (!counter) {
        return counter.error();
    }
    files.counter.emplace(std::move(*counter));
    return true;
}

} // namespace wattvisor::simulated
