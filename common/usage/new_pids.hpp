// SPDX-License-Identifier: Apache-2.0
// Whether processes can have been born since the last look: the kernel tells the pid that it gave
// out last at the end of /proc/loadavg, Documentation/filesystems/proc.rst. One small read instead
// of a list of all processes, which is a third of a tick for 200 of them. Threads get pids too, so
// it may say yes for nothing; a process that was given a certain pid (clone3(2), set_tid) is not
// told of, so whoever asks has to look for himself now and then.
#pragma once

#include "common/base/file_descriptor.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace wattvisor {

class NewPids {
public:
    // The file is that of the pid namespace whose processes matter; an empty path for one that is
    // not known.
    explicit NewPids(std::filesystem::path loadavg) : path_(std::move(loadavg)) {}

    // Call it before the processes are listed. True at first, and where it cannot be known.
    [[nodiscard]] bool any();

private:
    [[nodiscard]] std::optional<std::string> last_pid();

    std::filesystem::path path_;
    FileDescriptor fd_;
    std::string buffer_;
    std::optional<std::string> known_;
};

// The last field of the line; nothing where it is not of such a file.
[[nodiscard]] std::optional<std::string_view> parse_last_pid(std::string_view loadavg);

} // namespace wattvisor
