// SPDX-License-Identifier: Apache-2.0
#include "host-agent/carry_mailbox.hpp"

#include <utility>

namespace wattvisor::host {

void CarryMailbox::serve(const LookUp& look_up) {
    std::set<std::string> asked;
    {
        const std::lock_guard lock(mutex_);
        asked.swap(asked_);
    }
    Letters letters;
    for (const std::string& uuid : asked) {
        if (auto carried = look_up(uuid)) {
            letters.emplace(uuid, std::move(*carried));
        }
    }
    const std::lock_guard lock(mutex_);
    for (auto& [uuid, carried] : letters) {
        letters_.insert_or_assign(uuid, std::move(carried));
    }
}

void CarryMailbox::ask(const std::string& uuid) {
    const std::lock_guard lock(mutex_);
    asked_.insert(uuid);
}

CarryMailbox::Letters CarryMailbox::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(letters_, {});
}

} // namespace wattvisor::host
