// SPDX-License-Identifier: Apache-2.0
#include "host-agent/domain_lister.hpp"

#include "common/cli/safe_text.hpp"
#include "host-agent/qemu_pid_file.hpp"
#include "virtiofs/domain_xml.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <system_error>
#include <utility>

namespace wattvisor::host {

namespace {

// Each VM is looked at anew every so many rounds, and not all in the same one.
constexpr std::size_t kRoundsPerRefresh = 300;
// With the list, so that this many rounds have their turn at once. A list costs as much as sixty
// questions for ids.
constexpr std::size_t kRoundsPerList = 60;
// What one question may bring: REMOTE_DOMAIN_LIST_MAX of libvirt's protocol.
constexpr std::size_t kMostIds = 16384;
// VMs that start between two rounds; with more of them the list is asked for all the same.
constexpr std::size_t kRoomForIds = 64;

// By UUID and not by place in libvirt's list, which comes out of a hash table in any order.
std::size_t turn_of(const std::string& uuid) {
    return std::hash<std::string>{}(uuid) % kRoundsPerRefresh;
}

} // namespace

Result<bool> DomainLister::reconcile(virConnectPtr connection) {
    ++round_;
    auto is_due = is_list_due(connection);
    if (!is_due) {
        return is_due;
    }
    return *is_due ? list(connection) : find_missing_pids();
}

Result<bool> DomainLister::is_list_due(virConnectPtr connection) {
    const bool is_quiet = is_run_dir_quiet(); // in each round, and before libvirt is asked
    const std::size_t last_question = std::exchange(asked_in_, round_);
    if (!ids_ || !outdated_.empty() || round_ - listed_in_ >= kRoundsPerList ||
        ids_->size() + kRoomForIds > kMostIds) {
        return true;
    }
    if (is_quiet && round_ - last_question < rounds_per_question_ && is_in_run_dir()) {
        asked_in_ = last_question;
        return false;
    }
    const auto ids = list_domain_ids(connection, ids_->size() + kRoomForIds);
    if (!ids) {
        return ids.error();
    }
    return *ids != *ids_;
}

// Whether no file came, went or was renamed since the round before. QEMU's driver makes NAME.pid
// and NAME.xml when a VM starts, removes them when it ends, and writes NAME.xml anew with each
// change: qemuProcessStart(), qemuProcessStop() and virDomainObjSave() of libvirt.
bool DomainLister::is_run_dir_quiet() {
    // The kernel's clock for files steps by up to 10 ms: what comes right behind a change is not
    // seen in the time of the folder.
    constexpr std::chrono::milliseconds kSettled(100);
    std::error_code error;
    const auto changed = std::filesystem::last_write_time(run_dir_, error);
    if (error) {
        run_dir_changed_.reset();
        return false;
    }
    const bool is_same = run_dir_changed_ == changed;
    run_dir_changed_ = changed;
    return is_same && std::filesystem::file_time_type::clock::now() - changed > kSettled;
}

// Not so for another driver, or where the folder is another one's.
bool DomainLister::is_in_run_dir() const {
    return !known_.empty() && std::all_of(known_.begin(), known_.end(),
                                          [](const auto& known) { return known.second.pid != 0; });
}

Result<bool> DomainLister::list(virConnectPtr connection) {
    const auto domains = list_domains(connection, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (!domains) {
        return domains.error();
    }
    std::map<std::string, Vm> active;
    std::set<std::string> unread;
    std::vector<int> ids;
    for (const DomainHandle& domain : *domains) {
        Vm seen;
        seen.uuid = domain_uuid(domain.get());
        seen.name = domain_name(domain.get());
        seen.libvirt_id = static_cast<int>(virDomainGetID(domain.get()));
        ids.push_back(seen.libvirt_id);
        if (seen.uuid.empty()) {
            continue;
        }
        const auto known = known_.find(seen.uuid);
        const bool is_known = known != known_.end() && !is_outdated(known->second, seen);
        if (known != known_.end()) {
            seen.events = known->second.events + (outdated_.contains(seen.uuid) ? 1U : 0U);
        }
        if (is_known) {
            seen = std::move(known->second);
        } else if (!describe(domain.get(), seen)) {
            // What was known of this start of the VM stands until it can be read again.
            if (known != known_.end() && known->second.libvirt_id == seen.libvirt_id) {
                seen = known->second;
            }
            unread.insert(seen.uuid);
        }
        find_pid(seen);
        active.insert_or_assign(seen.uuid, std::move(seen));
    }
    known_ = std::move(active);
    outdated_ = std::move(unread);
    const auto is_gone = [this](const std::string& uuid) { return !known_.contains(uuid); };
    std::erase_if(doubted_, is_gone);
    std::erase_if(carried_of_, [&](const auto& item) { return is_gone(item.first); });
    std::erase_if(complained_, is_gone);
    std::sort(ids.begin(), ids.end());
    ids_ = std::move(ids);
    listed_in_ = round_;
    return true;
}

std::vector<Vm> DomainLister::vms() const {
    std::vector<Vm> vms;
    vms.reserve(known_.size());
    for (const auto& [uuid, vm] : known_) {
        vms.push_back(vm);
    }
    return vms;
}

// Not there yet right after the start; without QEMU's driver it never is.
void DomainLister::find_pid(Vm& vm) const {
    if (vm.pid == 0) {
        const auto pid = read_qemu_pid(run_dir_, vm.name);
        vm.pid = pid ? *pid : 0;
    }
}

bool DomainLister::find_missing_pids() {
    bool found = false;
    for (auto& [uuid, vm] : known_) {
        if (vm.pid == 0) {
            find_pid(vm);
            found = found || vm.pid != 0;
        }
    }
    return found;
}

// Whether the turn was in one of the rounds since the last list.
bool DomainLister::has_its_turn(const std::string& uuid) const {
    const std::size_t rounds_ago = (round_ + kRoundsPerRefresh - turn_of(uuid)) % kRoundsPerRefresh;
    return rounds_ago < round_ - listed_in_;
}

bool DomainLister::is_outdated(const Vm& known, const Vm& seen) const {
    return known.libvirt_id != seen.libvirt_id || known.name != seen.name ||
           outdated_.contains(seen.uuid) || has_its_turn(seen.uuid);
}

// A VM that cannot be read is listed with what its handle says: its energy is measured all the
// same once its process is known.
bool DomainLister::describe(virDomainPtr domain, Vm& vm) {
    const auto text = domain_xml_text(domain, 0);
    if (!text) {
        // Ended since it was listed: the next list does not have it.
        if (text.error().severity == Severity::gone) {
            return true;
        }
        note_problem(vm.uuid, text.error());
        return false;
    }
    const auto xml = parse_domain(*text);
    if (!xml) {
        note_problem(vm.uuid, xml.error());
        return false;
    }
    complained_.erase(vm.uuid);
    vm.title = xml->title;
    vm.vcpus = xml->vcpus;
    vm.enrolled = !xml->share_source.empty();
    vm.share_source = xml->share_source;
    vm.shared_memory = xml->shared_memory;
    take_carried(xml->carried, vm);
    return true;
}

void DomainLister::take_carried(CarriedReading reading, Vm& vm) {
    const auto [start, is_new] = carried_of_.try_emplace(vm.uuid, vm.libvirt_id);
    const auto known = known_.find(vm.uuid);
    if (!is_new && start->second == vm.libvirt_id && known != known_.end()) {
        vm.carried = known->second.carried;
        return;
    }
    start->second = vm.libvirt_id;
    vm.carried = std::move(reading.energy);
    if (!reading.problem.empty() && doubted_.insert(vm.uuid).second) {
        spdlog::warn("VM {}: the energy in its metadata is ignored: {}", vm.uuid,
                     printable(reading.problem));
    }
}

void DomainLister::note_problem(const std::string& uuid, const Error& error) {
    if (complained_.insert(uuid).second) {
        spdlog::warn("VM {}: its title, vCPUs and share are unknown: {}", uuid,
                     printable(error.message()));
    }
}

} // namespace wattvisor::host
