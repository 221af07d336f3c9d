// SPDX-License-Identifier: Apache-2.0
#include "host-agent/run_folder.hpp"

#include "common/base/error.hpp"
#include "common/base/text_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace wattvisor::host {

namespace {

// Who holds the lock, for the message only.
std::string holder(const std::filesystem::path& lock) {
    const auto text = read_text(lock, 64);
    const auto pid = text ? parse_number(*text) : std::nullopt;
    return pid ? fmt::format(" (pid {})", *pid) : std::string();
}

} // namespace

void make_private_folder(const std::filesystem::path& path, const std::string& hint) {
    // With a slash at its end the folder would be its own parent, and made with the parent's mode.
    const std::filesystem::path folder = path.has_filename() ? path : path.parent_path();
    std::error_code error;
    std::filesystem::create_directories(folder.parent_path(), error);
    if (::mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST) {
        throw StartError(system_error(errno, folder.string(), hint).message());
    }
}

FileDescriptor lock_run_folder(const std::filesystem::path& folder) {
    make_private_folder(folder, "Publishing shares needs root; or give another --run-dir");
    const std::filesystem::path path = folder / "agent.lock";
    FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!lock) {
        throw StartError(system_error(errno, path.string(),
                                      "Publishing shares needs root; or give another --run-dir")
                             .message());
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        throw StartError(fmt::format("another wattvisor-host{} publishes shares already: stop it "
                                     "first, or use 'wattvisor-host prometheus', which publishes "
                                     "none",
                                     holder(path)));
    }
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(lock.get(), 0) != 0 ||
        ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        throw StartError(system_error(errno, path.string()).message());
    }
    return lock;
}

} // namespace wattvisor::host
