// SPDX-License-Identifier: Apache-2.0
// Writes each VM's energy into its domain's metadata, so that it goes along with migrations, save
// images and the stored configuration. Each VM in its turn once a period, soon after a change of
// its devices (a share must be detached before a migration), and once more after its end. Libvirt
// thread only. Never waits for a job: a domain that has one gets its turn later. Never takes away
// what somebody else wrote there, unless it cannot be read.
#pragma once

#include "host-agent/carry_mailbox.hpp"
#include "host-agent/libvirt_handles.hpp"
#include "host-agent/vm.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace wattvisor::host {

struct CarryTiming {
    std::chrono::nanoseconds period = std::chrono::seconds(60);
    std::chrono::nanoseconds busy_retry = std::chrono::seconds(5);
    // Until a tick has surely charged what an ended VM used last.
    std::chrono::nanoseconds after_end = std::chrono::seconds(15);
};

class MetadataKeeper {
public:
    using Time = std::chrono::steady_clock::time_point;

    explicit MetadataKeeper(std::shared_ptr<CarryMailbox> mailbox, CarryTiming timing = {})
        : mailbox_(std::move(mailbox)), timing_(timing) {}

    // A new connection: VMs that are off get what the ledger charged them last, too.
    void connected(virConnectPtr connection, Time now);
    // After each reconciling, with the active VMs ordered by UUID.
    void turn(virConnectPtr connection, const std::vector<Vm>& running, Time now);
    void device_changed(const std::string& uuid, Time now);
    // It went where this host's ledger does not see it: "migrated", "was saved".
    void left(const std::string& uuid, std::string how);

private:
    struct Entry {
        Time due;
        bool ended = false; // one more write, and then it is forgotten
        bool asked = false; // since it ended
        std::string how;    // how it left, if it did
        CarriedEnergy live; // what the running domain has, and would take along
        std::string problem;
    };
    using Entries = std::map<std::string, Entry>;

    [[nodiscard]] Time first_turn(const std::string& uuid, Time now) const;
    void meet(const std::vector<Vm>& running, Time now);
    void ask_those_due(Time now);
    void deliver(virConnectPtr connection, const std::string& uuid, const CarriedEnergy& carried,
                 Time now);
    void write(virDomainPtr domain, Entry& entry, const std::string& uuid,
               const CarriedEnergy& carried, bool active);

    std::shared_ptr<CarryMailbox> mailbox_;
    CarryTiming timing_;
    Entries entries_;
    CarryMailbox::Letters letters_; // not delivered yet
};

} // namespace wattvisor::host
