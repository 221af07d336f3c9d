// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/virtiofs/private_mounts.hpp"

#include <cerrno>
#include <linux/capability.h>
#include <sched.h>
#include <stdexcept>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace wattvisor::test {

namespace {

void call_capabilities(long number, std::array<std::uint32_t, 6>& data) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    if (::syscall(number, &header, data.data()) != 0) {
        throw std::runtime_error("cannot change the capabilities of the test");
    }
}

} // namespace

std::string enter_private_mounts() {
    if (::unshare(CLONE_NEWNS) != 0) {
        return "needs root with CAP_SYS_ADMIN: " + std::generic_category().message(errno);
    }
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
        return "cannot make mounts private: " + std::generic_category().message(errno);
    }
    return {};
}

WithoutMountRight::WithoutMountRight() {
    call_capabilities(SYS_capget, saved_);
    auto changed = saved_;
    changed[0] &= ~(1U << CAP_SYS_ADMIN); // the effective set; the permitted one gives it back
    call_capabilities(SYS_capset, changed);
}

WithoutMountRight::~WithoutMountRight() {
    call_capabilities(SYS_capset, saved_);
}

} // namespace wattvisor::test
