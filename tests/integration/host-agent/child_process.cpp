// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/host-agent/child_process.hpp"

#include <csignal>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace wattvisor::host::test {

ChildProcess::ChildProcess() {
    char program[] = "sleep";
    char argument[] = "1000";
    char* const arguments[] = {program, argument, nullptr};
    if (::posix_spawnp(&pid_, program, nullptr, nullptr, arguments, environ) != 0) {
        throw std::runtime_error("cannot start sleep");
    }
}

ChildProcess::~ChildProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

} // namespace wattvisor::host::test
