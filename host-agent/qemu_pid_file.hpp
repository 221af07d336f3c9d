// SPDX-License-Identifier: Apache-2.0
// Finds QEMU's process through the pid file that libvirt's QEMU driver writes, RUN_DIR/NAME.pid:
// the public API has no call for it, and a process' command line can be forged by any local user.
// Any thread. Never follows a symbolic link, never reads more than a number's length, and takes no
// path from a name that could leave the folder.
#pragma once

#include "common/base/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace wattvisor::host {

// The folder of the pid files. `configured` counts, unless it is the system daemon's folder and the
// URI is that of a session daemon, which keeps them in $XDG_RUNTIME_DIR/libvirt/qemu/run, or in
// ~/.cache where that is not set (virQEMUDriverConfigNew() in libvirt's qemu_conf.c).
[[nodiscard]] std::filesystem::path qemu_run_dir(std::string_view uri,
                                                 const std::filesystem::path& configured,
                                                 const char* xdg_runtime_dir, const char* home);

// The name of the file that libvirt keeps a process id in, NAME.pid: with & < > ' " escaped as in
// XML (virPidFileBuildPath() in libvirt's virpidfile.c).
[[nodiscard]] std::string pid_file_name(std::string_view name);

// `name` is the domain's; one that could not be a file's name is an error.
[[nodiscard]] Result<pid_t> read_qemu_pid(const std::filesystem::path& run_dir,
                                          std::string_view name);

} // namespace wattvisor::host
