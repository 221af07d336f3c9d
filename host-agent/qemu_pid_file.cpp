// SPDX-License-Identifier: Apache-2.0
#include "host-agent/qemu_pid_file.hpp"

#include "common/base/file_descriptor.hpp"
#include "common/base/text_file.hpp"
#include "virtiofs/share_paths.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <string>
#include <unistd.h>

namespace wattvisor::host {

namespace {

constexpr std::string_view kSystemRunDir = "/run/libvirt/qemu";

bool is_session_uri(std::string_view uri) {
    const std::string_view without_query = uri.substr(0, uri.find('?'));
    return without_query.ends_with("/session");
}

} // namespace

std::filesystem::path qemu_run_dir(std::string_view uri, const std::filesystem::path& configured,
                                   const char* xdg_runtime_dir, const char* home) {
    if (configured != kSystemRunDir || !is_session_uri(uri)) {
        return configured;
    }
    if (xdg_runtime_dir != nullptr && *xdg_runtime_dir == '/') {
        return std::filesystem::path(xdg_runtime_dir) / "libvirt/qemu/run";
    }
    if (home != nullptr && *home == '/') {
        return std::filesystem::path(home) / ".cache/libvirt/qemu/run";
    }
    return configured;
}

std::string pid_file_name(std::string_view name) {
    std::string file;
    for (const char c : name) {
        switch (c) {
        case '&':
            file += "&amp;";
            break;
        case '<':
            file += "&lt;";
            break;
        case '>':
            file += "&gt;";
            break;
        case '\'':
            file += "&apos;";
            break;
        case '"':
            file += "&quot;";
            break;
        default:
            file += c;
        }
    }
    return file + ".pid";
}

Result<pid_t> read_qemu_pid(const std::filesystem::path& run_dir, std::string_view name) {
    const auto checked = check_domain_name(name);
    if (!checked) {
        return checked.error();
    }
    const std::filesystem::path path = run_dir / pid_file_name(*checked);
    const FileDescriptor fd(
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
        return system_error(errno, path.string());
    }
    std::array<char, 32> buffer{}; // a pid has at most 7 digits and a newline
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0) {
        return system_error(errno, path.string());
    }
    const auto pid = parse_number({buffer.data(), static_cast<std::size_t>(got)});
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max());
    if (!pid || *pid == 0 || *pid > kLargest) {
        return Error{Severity::transient, "holds no process id", path.string(), {}};
    }
    return static_cast<pid_t>(*pid);
}

} // namespace wattvisor::host
