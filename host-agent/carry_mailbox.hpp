// SPDX-License-Identifier: Apache-2.0
// Between the ledger on the Asio thread and the keeper of the domains' metadata on the libvirt
// thread. The keeper asks for the VMs whose turn it is, and the next tick answers with their newest
// values: so nothing is copied for VMs that nobody asked about, and a write right before a
// migration is as new as the last tick. Neither thread ever waits for the other; all is bounded by
// the number of VMs.
#pragma once

#include "common/accounting/carried_energy.hpp"

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace wattvisor::host {

class CarryMailbox {
public:
    using LookUp = std::function<std::optional<CarriedEnergy>(const std::string& uuid)>;
    using Letters = std::map<std::string, CarriedEnergy>; // by UUID

    // Asio thread, once per tick, after the ledger's file is written: what travels with a VM must
    // never be more than the ledger knows after a crash. `look_up` gives what is to travel with the
    // VM, nothing if there is none; it is called for those that were asked about.
    void serve(const LookUp& look_up);

    // Libvirt thread.
    void ask(const std::string& uuid);
    [[nodiscard]] Letters take();

private:
    std::mutex mutex_;
    std::set<std::string> asked_;
    Letters letters_;
};

} // namespace wattvisor::host
