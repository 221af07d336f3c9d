// SPDX-License-Identifier: Apache-2.0
// What this machine calls itself, as uname(2) has it. Hostile text inside a container, whose owner
// chooses it.
#pragma once

#include <string>
#include <sys/utsname.h>

namespace wattvisor {

[[nodiscard]] inline std::string host_name() {
    utsname names{};
    return ::uname(&names) == 0 ? names.nodename : "";
}

} // namespace wattvisor
