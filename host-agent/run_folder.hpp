// SPDX-License-Identifier: Apache-2.0
// The agent's run folder, and the lock in it: two agents that publish into the same shares would
// each write their own totals. Used while starting; throws StartError.
#pragma once

#include "common/base/file_descriptor.hpp"

#include <filesystem>

namespace wattvisor::host {

// Makes the folder, readable by root only, and locks it for as long as the result lives.
[[nodiscard]] FileDescriptor lock_run_folder(const std::filesystem::path& folder);

} // namespace wattvisor::host
