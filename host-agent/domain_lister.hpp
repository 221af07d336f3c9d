// SPDX-License-Identifier: Apache-2.0
// Keeps the list of active VMs of a libvirt connection. Each round asks for their ids, so that a
// start or an end is seen although its event was lost; or looks whether a file came or went where
// libvirt keeps those of running VMs, and asks now and then. It lists the domains only when the ids
// are others, when an event named one, or now and then. It asks for a domain's XML only when the
// domain is new, was started anew or renamed, when an event named it, or when its turn has come: a
// lost event that changed no id costs some minutes, and a thousand VMs never cost a thousand calls
// at once. Libvirt thread only. Never keeps a libvirt object and never fails as a whole because of
// one VM.
#pragma once

#include "host-agent/libvirt_handles.hpp"
#include "host-agent/vm.hpp"
#include "virtiofs/carried_xml.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace wattvisor::host {

class DomainLister {
public:
    // While nothing changes in `run_dir`, libvirt is asked every `rounds_per_question` rounds.
    explicit DomainLister(std::filesystem::path run_dir, std::size_t rounds_per_question = 1)
        : run_dir_(std::move(run_dir)), rounds_per_question_(rounds_per_question) {}

    // One round. True if the list may be another than before. An error means that libvirt did not
    // answer.
    [[nodiscard]] Result<bool> reconcile(virConnectPtr connection);

    // Whether libvirt was asked in the last round.
    [[nodiscard]] bool has_asked() const { return asked_in_ == round_; }

    // The active VMs, ordered by UUID, as of the last round.
    [[nodiscard]] std::vector<Vm> vms() const;

    // What is known of the domain is old: the next round asks again.
    void refresh(const std::string& uuid) { outdated_.insert(uuid); }
    // After a new connection: all of it, but what cannot be read stays as it was.
    void refresh_all() {
        carried_of_.clear(); // ids may have begun anew
        ids_.reset();
        for (const auto& [uuid, vm] : known_) {
            outdated_.insert(uuid);
        }
    }

private:
    [[nodiscard]] Result<bool> is_list_due(virConnectPtr connection);
    [[nodiscard]] bool is_run_dir_quiet();
    [[nodiscard]] bool is_in_run_dir() const;
    [[nodiscard]] Result<bool> list(virConnectPtr connection);
    [[nodiscard]] bool find_missing_pids();
    void find_pid(Vm& vm) const;
    [[nodiscard]] bool has_its_turn(const std::string& uuid) const;
    [[nodiscard]] bool is_outdated(const Vm& known, const Vm& seen) const;
    // False if the VM is there and could not be read.
    [[nodiscard]] bool describe(virDomainPtr domain, Vm& vm);
    void take_carried(CarriedReading reading, Vm& vm);
    void note_problem(const std::string& uuid, const Error& error);

    std::filesystem::path run_dir_;
    std::size_t rounds_per_question_;
    std::optional<std::filesystem::file_time_type> run_dir_changed_; // at the last round
    std::map<std::string, Vm> known_;
    std::set<std::string> outdated_;
    // The start of each VM whose carried energy was read: what is written there while it runs is
    // this agent's own, and would make a new list of it each time.
    std::map<std::string, int> carried_of_;
    std::set<std::string> doubted_;       // VMs whose carried energy was ignored: said once each
    std::set<std::string> complained_;    // VMs whose XML could not be read: said once each
    std::optional<std::vector<int>> ids_; // of all VMs at the last list, ascending; none before it
    std::size_t round_ = 0;
    std::size_t listed_in_ = 0; // the round of the last list
    std::size_t asked_in_ = 0;  // and of the last question
};

} // namespace wattvisor::host
