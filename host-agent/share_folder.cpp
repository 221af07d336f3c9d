// SPDX-License-Identifier: Apache-2.0
#include "host-agent/share_folder.hpp"

#include "common/energy/powercap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace wattvisor::host {

namespace {

constexpr mode_t kFolderMode = 0755;
// The VM's own energy is no secret inside the VM. Writable by its owner, who is the agent: one that
// is not root takes its files over after a restart, as root does.
constexpr mode_t kFileMode = 0644;
constexpr const char* kControlType = "intel-rapl";
constexpr std::array kZoneFiles{"name", "energy_uj", "max_energy_range_uj", "enabled"};

// Carries an Error out of the nested steps below; caught in ShareFolder::open.
struct StepFailed {
    Error error;
};

[[noreturn]] void fail(const std::string& where) {
    throw StepFailed{system_error(errno, where)};
}

// A file or folder that is in the way of ours goes; a folder only when it is empty.
void clear_way(int folder, const char* name) {
    if (::unlinkat(folder, name, 0) != 0 && errno == EISDIR) {
        ::unlinkat(folder, name, AT_REMOVEDIR);
    }
}

FileDescriptor open_folder(int parent, const char* name, const std::string& where) {
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    FileDescriptor folder(::openat(parent, name, kFlags));
    if (folder) {
        return folder;
    }
    if (errno != ENOENT) {
        clear_way(parent, name);
    }
    if (::mkdirat(parent, name, kFolderMode) != 0 && errno != EEXIST) {
        fail(where + "/" + name);
    }
    folder = FileDescriptor(::openat(parent, name, kFlags));
    if (!folder) {
        fail(where + "/" + name);
    }
    return folder;
}

void write_all(int file, std::string_view content, const std::string& where) {
    const ssize_t written = ::pwrite(file, content.data(), content.size(), 0);
    if (written < 0 || static_cast<std::size_t>(written) != content.size()) {
        errno = written < 0 ? errno : ENOSPC;
        fail(where);
    }
}

// A file of ours from before: plain, of the constant size, with as many names as there are views.
FileDescriptor take_over(int folder, const char* name, std::size_t size, nlink_t links) {
    // Not opened before it is known to be a plain file: in a share that the guest can write it may
    // be a pipe, or a device of the host, and opening a watchdog starts it.
    const FileDescriptor place(::openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!place || ::fstat(place.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
        static_cast<std::size_t>(status.st_size) != size || status.st_nlink != links) {
        return {};
    }
    const std::string self = fmt::format("/proc/self/fd/{}", place.get());
    return FileDescriptor(::open(self.c_str(), O_WRONLY | O_CLOEXEC));
}

// Links a nameless file into a folder, in the place of whatever is there.
void give_name(int file, int folder, const char* name, const std::string& where) {
    const std::string self = fmt::format("/proc/self/fd/{}", file);
    for (int attempt = 0; attempt < 3; ++attempt) {
        if (::linkat(AT_FDCWD, self.c_str(), folder, name, AT_SYMLINK_FOLLOW) == 0) {
            return;
        }
        if (errno != EEXIST) {
            break;
        }
        clear_way(folder, name);
    }
    fail(where + "/" + name);
}

// The file `name`, in each of `folders` the same one, with `content`.
FileDescriptor place_file(const std::vector<int>& folders, const char* name,
                          std::string_view content, const std::string& where) {
    FileDescriptor file = take_over(folders.front(), name, content.size(), folders.size());
    if (file) {
        write_all(file.get(), content, where + "/" + name);
        return file;
    }
    file =
        FileDescriptor(::openat(folders.front(), ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, kFileMode));
    if (!file) {
        fail(where + "/" + name);
    }
    write_all(file.get(), content, where + "/" + name);
    for (const int folder : folders) {
        give_name(file.get(), folder, name, where);
    }
    return file;
}

void remove_zone(int parent, const char* name) {
    const FileDescriptor folder(
        ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder) {
        ::unlinkat(parent, name, 0); // a link that the guest put in its place
        return;
    }
    for (const char* file : kZoneFiles) {
        ::unlinkat(folder.get(), file, 0);
    }
    ::unlinkat(parent, name, AT_REMOVEDIR);
}

// Zones that an earlier run published and this one does not, below `parent`.
void remove_other_zones(int parent, const std::set<std::string>& wanted) {
    const int copy = ::openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(copy), ::closedir);
    std::vector<std::string> unwanted;
    // Ours are fewer than this. A guest that fills a share of its own with more must not keep the
    // agent busy: what is beyond stays.
    constexpr int kMostEntries = 256;
    for (int seen = 0; listing && seen < kMostEntries; ++seen) {
        const dirent* entry = ::readdir(listing.get());
        if (entry == nullptr) {
            break;
        }
        const std::string name(entry->d_name);
        if (parse_zone_folder(name) && !wanted.contains(name)) {
            unwanted.push_back(name);
        }
    }
    for (const std::string& name : unwanted) {
        remove_zone(parent, name.c_str());
    }
}

// The folder of a zone in the nested view: below its package, and that below the control type.
FileDescriptor open_nested(int control_type, const Zone& zone, const std::string& where) {
    const auto place = parse_zone_folder(zone.id).value_or(ZoneFolder{});
    if (!place.is_subzone) {
        return open_folder(control_type, zone.id.c_str(), where);
    }
    const std::string package = fmt::format("intel-rapl:{}", place.parent);
    const FileDescriptor parent = open_folder(control_type, package.c_str(), where);
    return open_folder(parent.get(), zone.id.c_str(), where);
}

// Subzones in the nested view go first: their package cannot be removed before them.
void remove_old_zones(int folder, int control_type, const std::set<std::string>& wanted) {
    for (unsigned package = 0; package < kMaxShareZones; ++package) {
        const std::string id = fmt::format("intel-rapl:{}", package);
        const FileDescriptor nested(
            ::openat(control_type, id.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (nested) {
            remove_other_zones(nested.get(), wanted);
        }
    }
    remove_other_zones(control_type, wanted);
    remove_other_zones(folder, wanted);
}

} // namespace

std::string padded_value(std::uint64_t value) {
    std::string text(21, '\n'); // 20 digits at most, and a newline
    const fmt::format_int digits(value);
    std::copy(digits.data(), digits.data() + digits.size(), text.begin());
    return text;
}

Result<ShareFolder> ShareFolder::open(FileDescriptor folder, std::string where,
                                      const ShareRecord& record) {
    ShareFolder share;
    share.folder_ = std::move(folder);
    share.where_ = std::move(where);
    const std::string& at = share.where_;
    const int root = share.folder_.get();
    try {
        const FileDescriptor control_type = open_folder(root, kControlType, at);
        std::set<std::string> wanted;
        for (const ShareRecord::Entry& entry : record.zones) {
            wanted.insert(entry.zone.id);
        }
        remove_old_zones(root, control_type.get(), wanted);
        place_file({control_type.get()}, "enabled", "1\n", at);
        for (const ShareRecord::Entry& entry : record.zones) {
            const FileDescriptor flat = open_folder(root, entry.zone.id.c_str(), at);
            const FileDescriptor nested = open_nested(control_type.get(), entry.zone, at);
            const std::vector<int> views{flat.get(), nested.get()};
            const std::string zone_at = at + "/" + entry.zone.id;
            place_file(views, "name", entry.zone.name + "\n", zone_at);
            place_file(views, "max_energy_range_uj", padded_value(entry.zone.max_energy_range_uj),
                       zone_at);
            place_file(views, "enabled", "1\n", zone_at);
            share.values_.push_back(
                {place_file(views, "energy_uj", padded_value(entry.total_uj), zone_at),
                 entry.total_uj});
        }
        const FileDescriptor own = open_folder(root, "wattvisor", at);
        share.snapshot_ =
            place_file({own.get()}, "snapshot", encode_share_record(record), at + "/wattvisor");
    } catch (const StepFailed& failed) {
        return failed.error;
    }
    return share;
}

Result<bool> ShareFolder::write(const ShareRecord& record, ShareRecordText& text) {
    try {
        for (std::size_t i = 0; i < values_.size() && i < record.zones.size(); ++i) {
            Value& value = values_[i];
            const std::uint64_t energy_uj = record.zones[i].total_uj;
            if (energy_uj != value.shown_uj) {
                write_all(value.file.get(), padded_value(energy_uj), where_);
                value.shown_uj = energy_uj;
            }
        }
        write_all(snapshot_.get(), text.with_totals_of(record), where_);
    } catch (const StepFailed& failed) {
        return failed.error;
    }
    return true;
}

} // namespace wattvisor::host
