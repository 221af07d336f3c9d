// SPDX-License-Identifier: Apache-2.0
// Makes the list of active VMs from a libvirt connection. Asks for a domain's XML only when the
// domain is new, was started anew or renamed, when an event named it, or when its turn has come:
// each round refreshes a part of the VMs, so that a lost event costs a minute at most and a
// thousand VMs never cost a thousand calls at once. Libvirt thread only. Never keeps a libvirt
// object and never fails as a whole because of one VM.
#pragma once

#include "host-agent/libvirt_handles.hpp"
#include "host-agent/vm.hpp"
#include "virtiofs/carried_xml.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace wattvisor::host {

class DomainLister {
public:
    explicit DomainLister(std::filesystem::path run_dir) : run_dir_(std::move(run_dir)) {}

    // The active VMs, ordered by UUID. An error means that libvirt did not answer.
    [[nodiscard]] Result<std::vector<Vm>> list(virConnectPtr connection);

    // What is known of the domain is old: the next list() asks again.
    void refresh(const std::string& uuid) { outdated_.insert(uuid); }
    // After a new connection: all of it, but what cannot be read stays as it was.
    void refresh_all() {
        carried_of_.clear(); // ids may have begun anew
        for (const auto& [uuid, vm] : known_) {
            outdated_.insert(uuid);
        }
    }

private:
    [[nodiscard]] bool is_outdated(const Vm& known, const Vm& seen) const;
    // False if the VM is there and could not be read.
    [[nodiscard]] bool describe(virDomainPtr domain, Vm& vm);
    void take_carried(CarriedReading reading, Vm& vm);
    void note_problem(const std::string& uuid, const Error& error);

    std::filesystem::path run_dir_;
    std::map<std::string, Vm> known_;
    std::set<std::string> outdated_;
    // The start of each VM whose carried energy was read: what is written there while it runs is
    // this agent's own, and would make a new list of it each time.
    std::map<std::string, int> carried_of_;
    std::set<std::string> doubted_;    // VMs whose carried energy was ignored: said once each
    std::set<std::string> complained_; // VMs whose XML could not be read: said once each
    std::size_t round_ = 0;
};

} // namespace wattvisor::host
