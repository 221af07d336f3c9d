// SPDX-License-Identifier: Apache-2.0
// The agent's run folder, and the lock in it: two agents that publish into the same shares would
// each write their own totals. Used while starting; throws StartError.
#pragma once

#include "common/base/file_descriptor.hpp"

#include <filesystem>
#include <string>

namespace wattvisor::host {

// Makes the folder, readable by its owner and group only, if it is not there. `hint` says what to
// do where that fails.
void make_private_folder(const std::filesystem::path& folder, const std::string& hint);

// Makes the folder, readable by root only, and locks it for as long as the result lives.
[[nodiscard]] FileDescriptor lock_run_folder(const std::filesystem::path& folder);

} // namespace wattvisor::host
