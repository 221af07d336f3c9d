// SPDX-License-Identifier: Apache-2.0
#include "host-agent/share_publisher.hpp"

#include "common/cli/safe_text.hpp"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <utility>

namespace wattvisor::host {

namespace {

FileDescriptor open_directory(const std::filesystem::path& path) {
    return FileDescriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// The hook's tmpfs: a folder of that name that lies on the file system of its parent is only what
// is left where nothing is mounted.
bool is_mount_point(int folder) {
    struct stat own {};
    struct stat parent {};
    return ::fstat(folder, &own) == 0 && ::fstatat(folder, "..", &parent, 0) == 0 &&
           own.st_dev != parent.st_dev;
}

// The same for all VMs; only the totals differ.
ShareRecord make_record(const Snapshot& snapshot, const std::vector<PublishedZone>& zones) {
    ShareRecord record;
    record.epoch = snapshot.epoch;
    record.sequence = snapshot.sequence;
    record.interval = snapshot.interval;
    record.time = snapshot.time;
    record.estimated = snapshot.estimated;
    record.zones.reserve(zones.size());
    for (const PublishedZone& zone : zones) {
        record.zones.push_back({zone.zone, 0});
    }
    return record;
}

} // namespace

SharePublisher::SharePublisher(ShareSettings settings, ShareLayout layout)
    : settings_(std::move(settings)), layout_(layout) {}

void SharePublisher::update(const std::vector<Vm>& vms) {
    std::set<std::string> enrolled;
    for (const Vm& vm : vms) {
        if (!vm.enrolled) {
            continue;
        }
        enrolled.insert(vm.uuid);
        Share& share = shares_[vm.uuid];
        // A new start of the VM has a new tmpfs, so the old one's files must not be written on.
        // libvirt counts its ids anew when it starts, so the process counts too.
        if (share.vm.libvirt_id != vm.libvirt_id || share.vm.pid != vm.pid ||
            share.vm.share_source != vm.share_source) {
            share.folder.reset();
        }
        share.vm = vm;
    }
    std::erase_if(shares_,
                  [&enrolled](const auto& entry) { return !enrolled.contains(entry.first); });
}

void SharePublisher::publish(const SnapshotPtr& measured) {
    const Snapshot& snapshot = *measured;
    if (snapshot.sequence == published_sequence_) {
        return;
    }
    published_sequence_ = snapshot.sequence;
    if (snapshot.zones.size() != host_zones_) {
        host_zones_ = snapshot.zones.size();
        zones_ = publish_zones(snapshot.zones, layout_);
        if (zones_.size() > kMaxShareZones) {
            spdlog::warn("{} zones are more than a share holds: they are merged", zones_.size());
            zones_ = publish_zones(snapshot.zones, ShareLayout::merged);
        }
        for (auto& [uuid, share] : shares_) {
            share.folder.reset();
        }
    }
    ShareRecord record = make_record(snapshot, zones_);
    ShareRecordText text(record);
    for (const ConsumerAccount& account : snapshot.consumers) {
        const auto share = shares_.find(account.consumer->key);
        if (share == shares_.end()) {
            continue;
        }
        for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
            record.zones[zone].total_uj = published_energy_uj(zones_[zone], account);
        }
        publish_one(share->second, record, text);
    }
}

void SharePublisher::publish_one(Share& share, const ShareRecord& record, ShareRecordText& text) {
    const auto published = try_publish(share, record, text);
    note(share, published ? std::string() : published.error().message());
    if (!published) {
        share.folder.reset(); // look for it anew at the next tick
    }
}

Result<bool> SharePublisher::try_publish(Share& share, const ShareRecord& record,
                                         ShareRecordText& text) const {
    if (share.folder) {
        return share.folder->write(record, text);
    }
    auto folder = open_folder(share.vm, record);
    if (!folder) {
        return folder.error();
    }
    share.folder = std::move(*folder);
    return true;
}

Result<ShareFolder> SharePublisher::open_folder(const Vm& vm, const ShareRecord& record) const {
    const std::filesystem::path writable = writable_share_folder(settings_, vm.uuid);
    FileDescriptor folder = open_directory(writable);
    if (folder && is_mount_point(folder.get())) {
        return ShareFolder::open(std::move(folder), writable.string(), record);
    }
    // Without the hook: a tmpfs that was mounted by hand, as Scaphandre's documents say.
    const std::filesystem::path exported(vm.share_source);
    if (!naming_of(settings_, vm.uuid, vm.name, vm.share_source)) {
        return Error{
            Severity::fatal, "is not the folder of this VM below " + settings_.root.string(),
            vm.share_source, "'wattvisor-host unenroll' and 'enroll' give it the right one"};
    }
    folder = open_directory(exported);
    if (!folder) {
        return system_error(errno, exported.string(),
                            "Install the libvirt hook and restart the VM, or see "
                            "'wattvisor-host enroll --help'");
    }
    return ShareFolder::open(std::move(folder), exported.string(), record);
}

void SharePublisher::note(Share& share, const std::string& problem) {
    if (problem == share.problem) {
        return;
    }
    share.problem = problem;
    if (problem.empty()) {
        spdlog::info("publishing again to VM {}", printable(share.vm.name));
    } else {
        spdlog::warn("cannot publish to VM {}: {}", printable(share.vm.name), printable(problem));
    }
}

std::vector<SharePublisher::Status> SharePublisher::status() const {
    std::vector<Status> all;
    all.reserve(shares_.size());
    for (const auto& [uuid, share] : shares_) {
        all.push_back({uuid, share.folder.has_value(), share.problem});
    }
    return all;
}

} // namespace wattvisor::host
