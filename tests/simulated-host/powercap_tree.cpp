// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/powercap_tree.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace wattvisor::simulated {

namespace fs = std::filesystem;

namespace {

constexpr const char* kControlType = "intel-rapl";
constexpr mode_t kFileMode = 0644;

// "intel-rapl/intel-rapl:0/intel-rapl:0:1" for "intel-rapl:0:1".
fs::path nested_path(const std::string& folder) {
    const std::size_t first = folder.find(':');
    const std::size_t second = folder.find(':', first + 1);
    const fs::path package = fs::path(kControlType) / folder.substr(0, second);
    return second == std::string::npos ? package : package / folder;
}

// A file that appears with its content: written beside and renamed. Stays open for what follows.
Result<FileDescriptor> place_file(const fs::path& path, const std::string& content) {
    const fs::path beside = path.parent_path() / ("." + path.filename().string() + ".new");
    FileDescriptor file(
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    if (!file) {
        return system_error(errno, beside.string());
    }
    const ssize_t written = ::pwrite(file.get(), content.data(), content.size(), 0);
    if (written < 0 || static_cast<std::size_t>(written) != content.size()) {
        return system_error(written < 0 ? errno : ENOSPC, beside.string());
    }
    if (::rename(beside.c_str(), path.c_str()) != 0) {
        return system_error(errno, path.string());
    }
    return file;
}

// A link of an earlier run is replaced; anything else in its place is not ours.
Result<bool> place_link(const fs::path& target, const fs::path& link) {
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(link, error))) {
        fs::remove(link, error);
    }
    if (::symlink(target.c_str(), link.c_str()) != 0) {
        return system_error(errno, link.string(), "Choose an empty folder for --root");
    }
    return true;
}

Result<FileDescriptor> place_zone(const fs::path& root, const SimulatedZone& zone,
                                  std::uint64_t range_uj) {
    const fs::path nested = nested_path(zone.folder);
    std::error_code error;
    fs::create_directories(root / nested, error);
    if (error) {
        return system_error(error.value(), (root / nested).string());
    }
    const std::pair<const char*, std::string> constants[] = {
        {"name", zone.name + "\n"},
        {"enabled", "1\n"},
        {"max_energy_range_uj", fmt::format("{}\n", range_uj)}};
    for (const auto& [name, content] : constants) {
        const auto file = place_file(root / nested / name, content);
        if (!file) {
            return file.error();
        }
    }
    auto counter = place_file(root / nested / "energy_uj", padded(zone.counter.shown_uj));
    if (!counter) {
        return counter.error();
    }
    const auto linked = place_link(nested, root / zone.folder);
    return linked ? std::move(counter) : Result<FileDescriptor>(linked.error());
}

} // namespace

std::string padded(std::uint64_t value) {
    return fmt::format("{:\n<21}", value); // 20 digits at most, and a newline
}

Result<PowercapTree> PowercapTree::create(const fs::path& root, const HostModel& model) {
    PowercapTree tree;
    tree.root_ = root;
    std::error_code error;
    fs::create_directories(root / kControlType, error);
    if (error) {
        return system_error(error.value(), root.string());
    }
    const auto enabled = place_file(root / kControlType / "enabled", "1\n");
    if (!enabled) {
        return enabled.error();
    }
    for (const SimulatedZone& zone : model.zones()) {
        auto counter = place_zone(root, zone, model.settings().range_uj);
        if (!counter) {
            return counter.error();
        }
        tree.counters_.push_back(std::move(*counter));
        tree.folders_.push_back(zone.folder);
    }
    return tree;
}

Result<bool> PowercapTree::write(const HostModel& model) {
    for (std::size_t i = 0; i < counters_.size(); ++i) {
        const std::string content = padded(model.zones()[i].counter.shown_uj);
        const ssize_t written = ::pwrite(counters_[i].get(), content.data(), content.size(), 0);
        if (written < 0 || static_cast<std::size_t>(written) != content.size()) {
            return system_error(written < 0 ? errno : ENOSPC, (root_ / folders_[i]).string());
        }
    }
    return true;
}

void PowercapTree::remove() const {
    std::error_code ignored;
    // Backwards: a package's folder is empty only after its subzones are gone.
    for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
        const fs::path nested = root_ / nested_path(*folder);
        for (const char* name : {"name", "enabled", "max_energy_range_uj", "energy_uj"}) {
            fs::remove(nested / name, ignored);
        }
        fs::remove(nested, ignored);
        fs::remove(root_ / *folder, ignored);
    }
    fs::remove(root_ / kControlType / "enabled", ignored);
    fs::remove(root_ / kControlType, ignored);
}

} // namespace wattvisor::simulated
