// SPDX-License-Identifier: Apache-2.0
#include "common/machine/surroundings.hpp"

namespace wattvisor {

void Surroundings::begin(const std::filesystem::path& proc_root,
                         const std::filesystem::path& sys_root) {
    host_reader_.emplace(proc_root, sys_root);
}

void Surroundings::read(std::chrono::nanoseconds now) {
    if (!host_reader_) {
        return;
    }
    self_ = self_reader_.read(now);
    host_reader_->read(now);
}

} // namespace wattvisor
