// SPDX-License-Identifier: Apache-2.0
// The pid files of the programs that libvirt's QEMU driver starts beside QEMU: virtiofsd, swtpm,
// passt, slirp, a D-Bus daemon, vhost-user-gpu. One listing for all VMs. Asio thread. Files are
// only found by names that libvirt gives, opened without following a link and read up to a number's
// length; what they say is a claim, and who may be believed is decided by vm_processes.
#pragma once

#include "common/base/file_descriptor.hpp"
#include "common/usage/component.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace wattvisor::host {

struct HelperPid {
    pid_t pid = 0;
    Component component = Component::helper;
    // libvirt has the helper hold a lock on its pid file for as long as it lives (virExec() in
    // libvirt's vircommand.c): then the kernel itself says who it is, and the file is not stale.
    bool is_locked = false;
    uid_t file_owner = 0;
    std::chrono::nanoseconds written{0}; // the file's time, since the epoch
};

// How libvirt begins the names of a domain's files: "3-web", the id and at most 20 characters of
// the name (virDomainDefGetShortName() in domain_conf.c). None for a name that is not UTF-8, with
// which libvirt makes no such files, or that could not be a file's.
[[nodiscard]] std::optional<std::string> domain_short_name(int libvirt_id, std::string_view name);

class HelperPidFiles {
public:
    // libvirt's folder of pid files, /run/libvirt/qemu; helpers' are in folders of it too.
    explicit HelperPidFiles(std::filesystem::path run_dir);

    // Lists the folders.
    void refresh();

    // Whose folder it is: root's, or with a session daemon its user's.
    [[nodiscard]] uid_t owner() const { return owner_; }

    // What the listed files of this domain say now.
    [[nodiscard]] std::vector<HelperPid> of(int libvirt_id, std::string_view name) const;

private:
    struct PidFile {
        std::size_t folder;
        Component component;
    };

    void list(const char* folder);

    std::filesystem::path run_dir_;
    uid_t owner_ = 0;
    std::vector<FileDescriptor> folders_;
    std::multimap<std::string, PidFile, std::less<>> files_; // by file name
};

} // namespace wattvisor::host
