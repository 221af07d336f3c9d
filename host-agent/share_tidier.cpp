// SPDX-License-Identifier: Apache-2.0
#include "host-agent/share_tidier.hpp"

#include "virtiofs/share_mounts.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace wattvisor::host {

namespace {

bool is_listed(const VmList& vms, const std::string& uuid) {
    return std::ranges::any_of(vms.vms, [&uuid](const Vm& vm) { return vm.uuid == uuid; });
}

} // namespace

ShareTidier::ShareTidier(ShareSettings settings) : settings_(std::move(settings)) {}

void ShareTidier::tidy(const VmList& vms, std::chrono::steady_clock::time_point now) {
    if (!vms.connected) {
        missing_since_.clear(); // nobody knows which VMs run
        return;
    }
    std::map<std::string, std::chrono::steady_clock::time_point> missing;
    for (const std::string& uuid : list_shares(settings_.run_dir)) {
        if (is_listed(vms, uuid)) {
            continue;
        }
        const auto known = missing_since_.find(uuid);
        const auto since = known == missing_since_.end() ? now : known->second;
        if (now - since < kShareGrace) {
            missing.emplace(uuid, since);
            continue;
        }
        if (const auto removed = remove_share(settings_, uuid)) {
            spdlog::info("removed the share of VM {}, which is gone", uuid);
        } else {
            spdlog::warn("cannot remove the share of VM {}, which is gone: {}", uuid,
                         removed.error().message());
        }
    }
    missing_since_ = std::move(missing);
}

} // namespace wattvisor::host
