// SPDX-License-Identifier: Apache-2.0
// Between the ledger and the metadata that travels with VMs: takes in what came along with a VM at
// its start, and answers what is to go along with it. Asio thread. Behind the ledger's keeper among
// the sinks: what travels is never more than the ledger knows after a crash.
#pragma once

#include "common/accounting/meter.hpp"
#include "common/export/sink.hpp"
#include "host-agent/carry_mailbox.hpp"
#include "host-agent/vm.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace wattvisor::host {

class EnergyCarrier final : public Sink {
public:
    EnergyCarrier(Meter& meter, std::shared_ptr<CarryMailbox> mailbox);

    // The VMs that run now; before they are charged.
    void update(const std::vector<Vm>& vms);

    void publish(const SnapshotPtr& snapshot) override;

private:
    [[nodiscard]] std::optional<CarriedEnergy> to_carry(const std::string& uuid);
    void complain(const std::string& uuid, const char* problem);

    Meter& meter_;
    std::shared_ptr<CarryMailbox> mailbox_;
    std::map<std::string, std::pair<int, pid_t>> starts_; // by UUID: libvirt's id and QEMU's pid
    std::set<std::string> complained_;
};

} // namespace wattvisor::host
