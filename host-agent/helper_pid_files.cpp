// SPDX-License-Identifier: Apache-2.0
#include "host-agent/helper_pid_files.hpp"

#include "common/base/text_file.hpp"
#include "host-agent/qemu_pid_file.hpp"
#include "virtiofs/share_paths.hpp"

#include <array>
#include <cstdint>
#include <dirent.h>
#include <fcntl.h>
#include <limits>
#include <memory>
#include <sys/stat.h>
#include <utility>

namespace wattvisor::host {

namespace {

// Of 1,000 VMs with ten helpers each.
constexpr std::size_t kMostFiles = 10000;

// qemu_virtiofs.c, qemu_tpm.c, qemu_passt.c, qemu_slirp.c, qemu_dbus.c, qemu_vhost_user_gpu.c.
constexpr std::pair<std::string_view, Component> kSuffixes[] = {
    {"-fs.pid", Component::virtiofsd},  {"-swtpm.pid", Component::swtpm},
    {"-passt.pid", Component::network}, {"-slirp.pid", Component::network},
    {"-dbus.pid", Component::helper},   {"-vhost-user-gpu.pid", Component::helper},
};

std::optional<Component> component_of_file(std::string_view name) {
    for (const auto& [suffix, component] : kSuffixes) {
        if (name.ends_with(suffix)) {
            return component;
        }
    }
    return std::nullopt;
}

// The length of the first `most` characters of a UTF-8 text; none if it is not UTF-8.
std::optional<std::size_t> prefix_of_characters(std::string_view text, std::size_t most) {
    std::size_t characters = 0;
    std::size_t length = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto first = static_cast<unsigned char>(text[at]);
        const std::size_t bytes = first < 0x80    ? 1
                                  : first < 0xC2  ? 0
                                  : first < 0xE0  ? 2
                                  : first < 0xF0  ? 3
                                  : first <= 0xF4 ? 4
                                                  : 0;
        if (bytes == 0 || at + bytes > text.size()) {
            return std::nullopt;
        }
        for (std::size_t next = at + 1; next < at + bytes; ++next) {
            if ((static_cast<unsigned char>(text[next]) & 0xC0U) != 0x80U) {
                return std::nullopt;
            }
        }
        at += bytes;
        length = ++characters <= most ? at : length;
    }
    return length;
}

std::optional<pid_t> read_pid(int fd) {
    std::array<char, 32> buffer{}; // a pid has at most 7 digits and a newline
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), 0);
    const auto pid =
        got > 0 ? parse_number({buffer.data(), static_cast<std::size_t>(got)}) : std::nullopt;
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max());
    return pid && *pid > 0 && *pid <= kLargest ? std::optional(static_cast<pid_t>(*pid))
                                               : std::nullopt;
}

std::optional<HelperPid> read_pid_file(int folder, const char* name, Component component) {
    const FileDescriptor fd(
        ::openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
        return std::nullopt;
    }
    const auto written = read_pid(fd.get());
    if (!written) {
        return std::nullopt;
    }
    HelperPid helper{*written, component, false, info.st_uid, {}};
    // Its owner may set any time, one beyond 64 bits of nanoseconds too: then it is of long ago.
    constexpr std::int64_t kLatest = std::int64_t{1} << 33U;
    if (info.st_mtim.tv_sec >= 0 && info.st_mtim.tv_sec < kLatest) {
        helper.written = std::chrono::seconds(info.st_mtim.tv_sec) +
                         std::chrono::nanoseconds(info.st_mtim.tv_nsec);
    }
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
        helper.is_locked = true;
        // 0 where the holder is not in this pid namespace: then the text tells.
        helper.pid = lock.l_pid > 0 ? lock.l_pid : helper.pid;
    }
    return helper;
}

} // namespace

std::optional<std::string> domain_short_name(int libvirt_id, std::string_view name) {
    constexpr std::size_t kMostCharacters = 20; // VIR_DOMAIN_SHORT_NAME_MAX
    const auto checked = check_domain_name(name);
    const auto length = prefix_of_characters(name, kMostCharacters);
    if (libvirt_id < 0 || !checked || !length) {
        return std::nullopt;
    }
    return std::to_string(libvirt_id) + "-" + std::string(name.substr(0, *length));
}

HelperPidFiles::HelperPidFiles(std::filesystem::path run_dir) : run_dir_(std::move(run_dir)) {}

void HelperPidFiles::refresh() {
    folders_.clear();
    files_.clear();
    struct stat info {};
    owner_ = ::stat(run_dir_.c_str(), &info) == 0 ? info.st_uid : 0;
    for (const char* folder : {".", "swtpm", "passt", "slirp", "dbus"}) {
        list(folder);
    }
}

// A session's folders belong to its user, who may put a link in their place.
void HelperPidFiles::list(const char* folder) {
    const FileDescriptor top(::open(run_dir_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    FileDescriptor fd(::openat(top.get(), folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
        return;
    }
    // closedir() closes its descriptor; ours stays for openat().
    const int copy = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(copy < 0 ? nullptr : ::fdopendir(copy),
                                                      ::closedir);
    while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
        const auto component = component_of_file(entry->d_name);
        if (component && files_.size() < kMostFiles) {
            files_.insert({entry->d_name, {folders_.size(), *component}});
        }
    }
    folders_.push_back(std::move(fd));
}

std::vector<HelperPid> HelperPidFiles::of(int libvirt_id, std::string_view name) const {
    std::vector<HelperPid> helpers;
    const auto short_name = domain_short_name(libvirt_id, name);
    if (!short_name) {
        return helpers;
    }
    std::string prefix = pid_file_name(*short_name + "-");
    prefix.resize(prefix.size() - std::string_view(".pid").size());
    for (auto it = files_.lower_bound(prefix); it != files_.end() && it->first.starts_with(prefix);
         ++it) {
        // "3-web-swtpm.pid" has the prefix's last dash in its suffix.
        if (auto helper = read_pid_file(folders_[it->second.folder].get(), it->first.c_str(),
                                        it->second.component)) {
            helpers.push_back(*helper);
        }
    }
    return helpers;
}

} // namespace wattvisor::host
