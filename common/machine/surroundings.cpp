// SPDX-License-Identifier: Apache-2.0
#include "common/machine/surroundings.hpp"

namespace wattvisor {

void Surroundings::read_host_from(const std::filesystem::path& proc_root,
                                  const std::filesystem::path& sys_root) {
    host_reader_.emplace(proc_root, sys_root);
}

void Surroundings::read(std::chrono::nanoseconds now) {
    self_ = self_reader_.read(now);
    if (host_reader_) {
        host_reader_->read(now);
    }
}

} // namespace wattvisor
