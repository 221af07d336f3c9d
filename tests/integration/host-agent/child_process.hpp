// SPDX-License-Identifier: Apache-2.0
// A real process that does nothing, for a pid file to point to; ended with its owner.
#pragma once

#include <string>
#include <sys/types.h>

namespace wattvisor::host::test {

class ChildProcess {
public:
    ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ~ChildProcess();

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] std::string pid_text() const { return std::to_string(pid_) + "\n"; }

private:
    pid_t pid_ = -1;
};

} // namespace wattvisor::host::test
