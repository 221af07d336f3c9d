// SPDX-License-Identifier: Apache-2.0
// For tests that mount: a mount namespace of the test's own, so that nothing a test mounts is seen
// by the machine or outlives the test. Where that is not permitted, such tests are skipped.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace wattvisor::test {

// Enters the namespace; else says why not. To be called in SetUp(), by the main thread.
[[nodiscard]] std::string enter_private_mounts();

// While it lives, mount(2) answers EPERM to this thread, as it does to a hook without
// CAP_SYS_ADMIN.
class WithoutMountRight {
public:
    WithoutMountRight();
    WithoutMountRight(const WithoutMountRight&) = delete;
    WithoutMountRight& operator=(const WithoutMountRight&) = delete;
    ~WithoutMountRight();

private:
    std::array<std::uint32_t, 6> saved_{}; // struct __user_cap_data_struct[2]
};

} // namespace wattvisor::test
