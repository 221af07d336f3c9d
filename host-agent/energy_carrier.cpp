// SPDX-License-Identifier: Apache-2.0
#include "host-agent/energy_carrier.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace wattvisor::host {

EnergyCarrier::EnergyCarrier(Meter& meter, std::shared_ptr<CarryMailbox> mailbox)
    : meter_(meter), mailbox_(std::move(mailbox)) {}

void EnergyCarrier::update(const std::vector<Vm>& vms) {
    std::map<std::string, std::pair<int, pid_t>> starts;
    for (const Vm& vm : vms) {
        const std::pair start(vm.libvirt_id, vm.pid);
        const auto known = starts_.find(vm.uuid);
        starts.emplace(vm.uuid, start);
        if ((known != starts_.end() && known->second == start) || vm.carried.empty()) {
            continue;
        }
        auto consumer = std::make_shared<Consumer>();
        consumer->kind = ConsumerKind::vm;
        consumer->key = vm.uuid;
        consumer->name = vm.name;
        const Learned learned = meter_.learn(std::move(consumer), vm.carried);
        if (learned == Learned::more) {
            spdlog::info("VM {} brought along the energy that other hosts charged it", vm.uuid);
        } else if (learned == Learned::refused) {
            complain(vm.uuid, "what it brought along from other hosts is more than can be");
        }
    }
    starts_ = std::move(starts);
}

void EnergyCarrier::publish(const SnapshotPtr& /*snapshot*/) {
    mailbox_->serve([this](const std::string& uuid) { return to_carry(uuid); });
}

std::optional<CarriedEnergy> EnergyCarrier::to_carry(const std::string& uuid) {
    const Account* account = meter_.ledger().find(uuid);
    if (account == nullptr) {
        return std::nullopt;
    }
    auto carried =
        account->carried.to_carry(meter_.ledger().id(), meter_.ledger().charged_by_kind(*account));
    if (!carried) {
        complain(uuid, "it has been on so many hosts that its energy cannot travel any further");
    }
    return carried;
}

void EnergyCarrier::complain(const std::string& uuid, const char* problem) {
    if (complained_.insert(uuid).second) {
        spdlog::warn("VM {}: {}: its totals begin anew on the next host", uuid, problem);
    }
}

} // namespace wattvisor::host
