// SPDX-License-Identifier: Apache-2.0
// Reads what libvirt writes to the hook's standard input, within bounds of size and of time: a
// stdin that never ends must not hold up a VM's start, since libvirt waits for the hook without a
// limit of its own. Main thread of the hook and tests.
#pragma once

#include "common/base/error.hpp"

#include <chrono>
#include <cstddef>
#include <string>

namespace wattvisor::hook {

[[nodiscard]] Result<std::string> read_input(int fd, std::size_t limit,
                                             std::chrono::milliseconds deadline);

} // namespace wattvisor::hook
