// SPDX-License-Identifier: Apache-2.0
#include "virtiofs/share_mounts.hpp"

#include "virtiofs/mount_table.hpp"
#include "virtiofs/share_folders.hpp"

#include <algorithm>
#include <csignal>
#include <functional>
#include <set>
#include <system_error>
#include <utility>

namespace wattvisor {

namespace fs = std::filesystem;

namespace {

// Nobody stacks more; it bounds the loops below whatever the kernel says.
constexpr int kDeepestStack = 64;
constexpr mode_t kPrivate = 0700; // other users of the host have no business in shares/

// Steps that take back what was made, run in reverse unless all went well.
class Rollback {
public:
    Rollback() = default;
    Rollback(const Rollback&) = delete;
    Rollback& operator=(const Rollback&) = delete;
    ~Rollback() {
        for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
            (*step)();
        }
    }
    void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
    void commit() { steps_.clear(); }

private:
    std::vector<std::function<void()>> steps_;
};

// The mounts of tmpfs file systems that this file made, in this or an earlier run.
class OwnMounts {
public:
    static Result<OwnMounts> read() {
        auto mounts = read_mounts();
        if (!mounts) {
            return mounts.error();
        }
        OwnMounts own;
        for (MountEntry& entry : *mounts) {
            if (entry.fs_type == "tmpfs" && entry.source == kMountSource) {
                own.entries_.push_back(std::move(entry));
            }
        }
        return own;
    }

    [[nodiscard]] bool has(dev_t device) const {
        return std::ranges::any_of(
            entries_, [device](const MountEntry& entry) { return entry.device == device; });
    }
    [[nodiscard]] std::set<dev_t> mounted_at(const fs::path& path) const {
        std::set<dev_t> devices;
        for (const MountEntry& entry : entries_) {
            if (entry.mount_point == path.native()) {
                devices.insert(entry.device);
            }
        }
        return devices;
    }
    [[nodiscard]] bool is_mounted_in(const fs::path& folder, dev_t device) const {
        return std::ranges::any_of(entries_, [&folder, device](const MountEntry& entry) {
            return entry.device == device && fs::path(entry.mount_point).parent_path() == folder;
        });
    }
    // The names of the folders directly in `folder` on which one of the devices is mounted.
    [[nodiscard]] std::set<std::string> names_in(const fs::path& folder,
                                                 const std::set<dev_t>& devices) const {
        std::set<std::string> names;
        for (const MountEntry& entry : entries_) {
            const fs::path path(entry.mount_point);
            if (devices.contains(entry.device) && path.parent_path() == folder) {
                names.insert(path.filename().string());
            }
        }
        return names;
    }

private:
    std::vector<MountEntry> entries_;
};

// Detaches from the top of a folder what `may_go` allows; stops at anything else.
template <typename Predicate>
Result<unsigned> unmount_while(const Place& parent, const std::string& name, Predicate may_go) {
    unsigned count = 0;
    for (int depth = 0; depth < kDeepestStack; ++depth) {
        const auto folder = open_below(parent, name, IfMissing::fail);
        if (!folder || !is_mount_point(parent, *folder) || !may_go(device_of(*folder))) {
            break;
        }
        const auto done = unmount(parent, name);
        if (!done) {
            return done.error();
        }
        ++count;
    }
    return count;
}

// What Scaphandre, or we where mounting was not permitted, wrote into a plain folder. Anything else
// is somebody's data, which a mount must not hide.
bool holds_only_a_tree(const Place& folder) {
    std::error_code error;
    const fs::path path = "/proc/self/fd/" + std::to_string(folder.fd.get());
    for (fs::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name != "wattvisor" && name != "intel-rapl" && !name.starts_with("intel-rapl:")) {
            return false;
        }
    }
    return !error;
}

// The folder above the exported one, and what was found on that.
struct ExportedPlace {
    Place root;
    bool handmade = false; // something that is not ours is mounted
};

Result<ExportedPlace> open_exported(const fs::path& path, const OwnMounts& own, Rollback& undo) {
    auto root = open_base(path.parent_path(), IfMissing::make);
    if (!root) {
        return root.error();
    }
    auto folder = open_below(*root, path.filename().string(), IfMissing::make);
    if (!folder) {
        return folder.error();
    }
    if (folder->is_new) {
        undo.add([path] {
            if (const auto parent = open_base(path.parent_path(), IfMissing::fail)) {
                remove_folder(*parent, path.filename().string());
            }
        });
    }
    const bool mounted = is_mount_point(*root, *folder);
    if (!mounted && !holds_only_a_tree(*folder)) {
        return Error{Severity::fatal, "the share's folder holds other files, which a mount hides",
                     path.string(), "Move them elsewhere, then restart the VM"};
    }
    return ExportedPlace{std::move(*root), mounted && !own.has(device_of(*folder))};
}

Result<Place> open_shares(const fs::path& run_dir, IfMissing if_missing) {
    auto base = open_base(run_dir, if_missing);
    return base ? open_below(*base, kWritableSharesFolder, if_missing, kPrivate)
                : Result<Place>(base.error());
}

// The VM's tmpfs, mounted now or before.
Result<Place> open_writable(const ShareSettings& settings, std::string_view any_uuid,
                            const OwnMounts& own, Rollback& undo) {
    const std::string uuid = writable_share_folder(settings, any_uuid).filename().string();
    const auto shares = open_shares(settings.run_dir, IfMissing::make);
    if (!shares) {
        return shares.error();
    }
    auto folder = open_below(*shares, uuid, IfMissing::make);
    if (!folder) {
        return folder.error();
    }
    const fs::path run_dir = settings.run_dir;
    if (folder->is_new) {
        undo.add([run_dir, uuid] {
            if (const auto parent = open_shares(run_dir, IfMissing::fail)) {
                remove_folder(*parent, uuid);
            }
        });
    }
    if (is_mount_point(*shares, *folder)) {
        if (own.has(device_of(*folder))) {
            return folder;
        }
        return Error{Severity::fatal, "something that is not Wattvisor's is mounted here",
                     folder->path.string(), "Unmount it: umount " + folder->path.string()};
    }
    const auto mounted = mount_tmpfs(*folder);
    if (!mounted) {
        return mounted.error();
    }
    undo.add([run_dir, uuid] {
        if (const auto parent = open_shares(run_dir, IfMissing::fail)) {
            (void)unmount(*parent, uuid);
        }
    });
    return open_below(*shares, uuid, IfMissing::fail); // now the mount's own root
}

// Makes the topmost mount of the exported folder read-only.
Result<bool> protect(const Place& root, const std::string& name) {
    const auto top = open_below(root, name, IfMissing::fail);
    if (!top) {
        return top.error();
    }
    return is_read_only(*top) ? Result<bool>(true) : make_read_only(*top);
}

// Holds the hook's alarm back: it must not end the process between two steps.
class AlarmHeld {
public:
    AlarmHeld() {
        sigset_t alarm;
        ::sigemptyset(&alarm);
        ::sigaddset(&alarm, SIGALRM);
        ::pthread_sigmask(SIG_BLOCK, &alarm, &before_);
    }
    AlarmHeld(const AlarmHeld&) = delete;
    AlarmHeld& operator=(const AlarmHeld&) = delete;
    ~AlarmHeld() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

// Shows the tmpfs at the exported folder, read-only. True if it was shown there before.
Result<bool> export_writable(const Place& root, const std::string& name, const Place& writable,
                             const OwnMounts& own) {
    const dev_t device = device_of(writable);
    // What is there and is not this tmpfs is of an earlier VM with this name.
    const auto stale = unmount_while(
        root, name, [&own, device](dev_t other) { return other != device && own.has(other); });
    if (!stale) {
        return stale.error();
    }
    const auto target = open_below(root, name, IfMissing::fail);
    if (!target) {
        return target.error();
    }
    const AlarmHeld until_protected;
    const bool was_bound = device_of(*target) == device;
    auto done = was_bound ? Result<bool>(true) : bind(writable, *target);
    if (!done) {
        return done.error();
    }
    done = protect(root, name);
    if (!done) {
        (void)unmount(root, name); // a writable export is worse than none
        return done.error();
    }
    return was_bound;
}

struct Removal {
    const ShareSettings& settings;
    std::string uuid;
    std::set<std::string> names; // of exported folders
    OwnMounts own;
    RemovedShare done;
};

Result<bool> clear_folder(Removal& removal, const Place& parent, const std::string& name,
                          const std::function<bool(dev_t)>& may_go) {
    const auto count = unmount_while(parent, name, may_go);
    if (!count) {
        return count.error();
    }
    removal.done.unmounted.insert(removal.done.unmounted.end(), *count, parent.path / name);
    if (remove_folder(parent, name)) {
        removal.done.removed.push_back(parent.path / name);
    }
    return true;
}

// A mount at an exported folder is this VM's if it is of this VM's tmpfs, or of one that is
// nobody's any more. So the tidying of an old VM spares a new one of the same name.
Result<bool> remove_exported(Removal& removal, const fs::path& shares,
                             const std::set<dev_t>& devices) {
    const auto root = open_base(removal.settings.root, IfMissing::fail);
    if (!root) {
        return root.error().severity == Severity::gone ? Result<bool>(true) : root.error();
    }
    const auto may_go = [&removal, &shares, &devices](dev_t device) {
        return devices.contains(device) ||
               (removal.own.has(device) && !removal.own.is_mounted_in(shares, device));
    };
    removal.names.merge(removal.own.names_in(kernel_path(*root), devices));
    for (const std::string& name : removal.names) {
        const auto cleared = clear_folder(removal, *root, name, may_go);
        if (!cleared) {
            return cleared.error();
        }
    }
    return true;
}

} // namespace

Result<MadeShare> make_share(const ShareSettings& settings, std::string_view uuid,
                             std::string_view name) {
    const auto path = exported_share_folder(settings, uuid, name);
    if (!path) {
        return path.error();
    }
    const auto own = OwnMounts::read();
    if (!own) {
        return own.error();
    }
    Rollback undo;
    const auto exported = open_exported(*path, *own, undo);
    if (!exported) {
        return exported.error();
    }
    if (exported->handmade) {
        // The agent prefers a writable folder where there is one; here that would be a dead end.
        const auto removed = remove_share(settings, uuid);
        return removed ? Result<MadeShare>(MadeShare{*path, {}, ShareState::handmade})
                       : removed.error();
    }
    const auto writable = open_writable(settings, uuid, *own, undo);
    if (!writable) {
        return writable.error();
    }
    const auto was_there =
        export_writable(exported->root, path->filename().string(), *writable, *own);
    if (!was_there) {
        return was_there.error();
    }
    undo.commit();
    return MadeShare{*path, writable_share_folder(settings, uuid),
                     *was_there ? ShareState::kept : ShareState::made};
}

Result<RemovedShare> remove_share(const ShareSettings& settings, std::string_view uuid,
                                  std::string_view name) {
    const auto normal = normalise_uuid(uuid);
    if (!normal) {
        return normal.error();
    }
    auto own = OwnMounts::read();
    if (!own) {
        return own.error();
    }
    Removal removal{settings, *normal, {*normal}, std::move(*own), {}};
    if (const auto folder = check_domain_name(name)) {
        removal.names.insert(*folder);
    }
    const auto shares = open_shares(settings.run_dir, IfMissing::fail);
    const fs::path shares_path = shares ? kernel_path(*shares) : fs::path();
    const auto devices = removal.own.mounted_at(shares_path / *normal);
    const auto exported = remove_exported(removal, shares_path, devices);
    if (!exported) {
        return exported.error();
    }
    if (shares) {
        const auto writable = clear_folder(removal, *shares, *normal, [&removal](dev_t device) {
            return removal.own.has(device);
        });
        if (!writable) {
            return writable.error();
        }
    }
    return std::move(removal.done);
}

std::vector<std::string> list_shares(const fs::path& run_dir) {
    std::vector<std::string> uuids;
    std::error_code error;
    for (fs::directory_iterator entry(run_dir / kWritableSharesFolder, error), end;
         !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        const auto uuid = normalise_uuid(name);
        if (uuid && *uuid == name &&
            entry->symlink_status(error).type() == fs::file_type::directory) {
            uuids.push_back(name);
        }
    }
    std::ranges::sort(uuids);
    return uuids;
}

Result<fs::path> make_plain_folder(const ShareSettings& settings, std::string_view uuid,
                                   std::string_view name) {
    const auto path = exported_share_folder(settings, uuid, name);
    if (!path) {
        return path.error();
    }
    const auto root = open_base(path->parent_path(), IfMissing::make);
    if (!root) {
        return root.error();
    }
    const auto folder = open_below(*root, path->filename().string(), IfMissing::make);
    return folder ? Result<fs::path>(*path) : folder.error();
}

} // namespace wattvisor
