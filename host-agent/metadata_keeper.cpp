// SPDX-License-Identifier: Apache-2.0
#include "host-agent/metadata_keeper.hpp"

#include "common/cli/safe_text.hpp"
#include "virtiofs/domain_xml.hpp"

#include <libvirt/virterror.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace wattvisor::host {

namespace {

// A turn delays the list of VMs: what is not done by then is done in the next one.
constexpr std::chrono::milliseconds kLongestTurn{200};

// Whether a call that needs the domain's job would wait for it (30 s at most, QEMU_JOB_WAIT_TIME in
// libvirt's src/hypervisor/domain_job.c). virDomainGetControlInfo() tells of a short job and takes
// none itself, but says "ok" throughout a migration, when a write waited until its end: an
// asynchronous job, which virDomainGetJobInfo() tells. It fails on a VM that is just coming in.
bool is_busy(virDomainPtr domain) {
    // A driver that cannot tell has no jobs to wait for.
    const auto unclear = [] { return last_libvirt_code() != VIR_ERR_NO_SUPPORT; };
    virDomainControlInfo control{};
    if (virDomainGetControlInfo(domain, &control, 0) != 0) {
        return unclear();
    }
    if (control.state != VIR_DOMAIN_CONTROL_OK) {
        return true;
    }
    virDomainJobInfo job{};
    return virDomainGetJobInfo(domain, &job) != 0 ? unclear() : job.type != VIR_DOMAIN_JOB_NONE;
}

// What the domain's live or stored XML carries; empty where that cannot be believed.
Result<CarriedEnergy> carried_in(virDomainPtr domain, unsigned xml_flags) {
    const auto text = domain_xml_text(domain, xml_flags);
    const auto xml = text ? parse_domain(*text) : Result<DomainXml>(text.error());
    if (!xml) {
        return xml.error();
    }
    return xml->carried.energy;
}

// What the domain has is kept: a stored configuration may know more than the VM that runs.
CarriedEnergy merged_with(const CarriedEnergy& carried, const CarriedEnergy& present) {
    CarriedEnergy merged = carried;
    merged.merge(present);
    return merged.is_plausible() ? merged : carried;
}

Result<void> set_metadata(virDomainPtr domain, const CarriedEnergy& carried,
                          const std::string& uuid, unsigned flags) {
    const std::string xml = carried_xml(carried, uuid);
    if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, xml.c_str(), kCarriedPrefix,
                             kCarriedNamespace, flags) != 0) {
        return last_libvirt_error("its metadata cannot be written");
    }
    return {};
}

// The places that do not hold `carried` yet, after it was merged with what they hold.
struct Plan {
    CarriedEnergy carried;
    unsigned flags = 0;
};

Result<Plan> plan_write(virDomainPtr domain, const CarriedEnergy& carried, bool active) {
    struct Place {
        unsigned xml_flags;
        unsigned affect;
        CarriedEnergy present;
    };
    std::vector<Place> places;
    if (active) {
        places.push_back({0, VIR_DOMAIN_AFFECT_LIVE, {}});
    }
    if (virDomainIsPersistent(domain) == 1) {
        places.push_back({VIR_DOMAIN_XML_INACTIVE, VIR_DOMAIN_AFFECT_CONFIG, {}});
    }
    Plan plan{carried, 0};
    for (Place& place : places) {
        auto present = carried_in(domain, place.xml_flags);
        if (!present) {
            return present.error();
        }
        place.present = std::move(*present);
        plan.carried = merged_with(plan.carried, place.present);
    }
    for (const Place& place : places) {
        plan.flags |= place.present == plan.carried ? 0U : place.affect;
    }
    return plan;
}

void say_what_stays(const std::string& uuid, const std::string& how, const CarriedEnergy& last,
                    const CarriedEnergy& taken_along) {
    const std::uint64_t all = last.total()[ZoneKind::package];
    const std::uint64_t taken = taken_along.total()[ZoneKind::package];
    if (all > taken) {
        spdlog::info("VM {} {}: {} µJ of its package energy, charged here after the last copy that "
                     "it took along, are in this host's ledger only, and are added when it is back",
                     uuid, how, all - taken);
    }
}

} // namespace

MetadataKeeper::Time MetadataKeeper::first_turn(const std::string& uuid, Time now) const {
    const auto steps = static_cast<std::size_t>(
        std::max<std::int64_t>(timing_.period / std::chrono::milliseconds(1), 1));
    return now + std::chrono::milliseconds(std::hash<std::string>{}(uuid) % steps);
}

void MetadataKeeper::connected(virConnectPtr connection, Time now) {
    const auto domains = list_domains(connection, VIR_CONNECT_LIST_DOMAINS_INACTIVE |
                                                      VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
    if (!domains) {
        spdlog::debug("{}", printable(domains.error().message()));
        return;
    }
    for (const DomainHandle& domain : *domains) {
        const std::string uuid = domain_uuid(domain.get());
        Entry entry;
        entry.due = first_turn(uuid, now);
        entry.ended = true;
        entries_.try_emplace(uuid, std::move(entry));
    }
}

void MetadataKeeper::turn(virConnectPtr connection, const std::vector<Vm>& running, Time now) {
    const Time began = std::chrono::steady_clock::now();
    letters_.merge(mailbox_->take()); // an older letter stands: the newer comes a period later
    meet(running, now);
    while (!letters_.empty() && std::chrono::steady_clock::now() - began < kLongestTurn) {
        const auto letter = letters_.extract(letters_.begin());
        deliver(connection, letter.key(), letter.mapped(), now);
    }
    ask_those_due(now);
}

// Which VMs there are says the list; an event that was lost changes nothing.
void MetadataKeeper::meet(const std::vector<Vm>& running, Time now) {
    for (const Vm& vm : running) {
        const auto [entry, is_new] = entries_.try_emplace(vm.uuid);
        if (is_new || entry->second.ended) {
            entry->second.due = first_turn(vm.uuid, now);
            entry->second.ended = false;
            entry->second.asked = false;
            entry->second.how.clear();
        }
    }
    for (auto& [uuid, entry] : entries_) {
        if (!entry.ended && !std::ranges::binary_search(running, uuid, {}, &Vm::uuid)) {
            entry.ended = true;
            entry.due = now + timing_.after_end;
        }
    }
}

void MetadataKeeper::ask_those_due(Time now) {
    std::erase_if(entries_, [&](const auto& item) { // nobody knows of it, or it came to nothing
        return item.second.ended && item.second.asked && item.second.due <= now;
    });
    for (auto& [uuid, entry] : entries_) {
        if (entry.due <= now) {
            mailbox_->ask(uuid);
            entry.due = now + timing_.period;
            entry.asked = entry.ended;
        }
    }
}

void MetadataKeeper::device_changed(const std::string& uuid, Time now) {
    if (const auto entry = entries_.find(uuid); entry != entries_.end() && !entry->second.ended) {
        entry->second.due = std::min(entry->second.due, now);
    }
}

void MetadataKeeper::left(const std::string& uuid, std::string how) {
    if (const auto entry = entries_.find(uuid); entry != entries_.end()) {
        entry->second.how = std::move(how);
    }
}

void MetadataKeeper::deliver(virConnectPtr connection, const std::string& uuid,
                             const CarriedEnergy& carried, Time now) {
    const auto found = entries_.find(uuid);
    if (found == entries_.end()) {
        return;
    }
    Entry& entry = found->second;
    const bool is_last = entry.ended && entry.asked;
    if (is_last && !entry.how.empty()) {
        say_what_stays(uuid, entry.how, carried, entry.live);
    }
    const DomainHandle domain(virDomainLookupByUUIDString(connection, uuid.c_str()));
    const bool active = domain && virDomainIsActive(domain.get()) == 1;
    if (active && is_busy(domain.get())) {
        entry.due = now + timing_.busy_retry;
        return;
    }
    if (domain) {
        write(domain.get(), entry, uuid, carried, active);
    }
    if (is_last) {
        entries_.erase(found);
    }
}

void MetadataKeeper::write(virDomainPtr domain, Entry& entry, const std::string& uuid,
                           const CarriedEnergy& carried, bool active) {
    const auto plan = plan_write(domain, carried, active);
    const auto written = !plan ? Result<void>(plan.error())
                         : plan->flags == 0
                             ? Result<void>()
                             : set_metadata(domain, plan->carried, uuid, plan->flags);
    if (written && active) {
        entry.live = plan->carried;
    }
    const std::string problem = written ? std::string() : printable(written.error().message());
    if (problem == entry.problem) {
        return;
    }
    entry.problem = problem;
    if (problem.empty()) {
        spdlog::info("VM {}: its energy goes with it again", uuid);
    } else if (written.error().severity != Severity::gone) {
        spdlog::warn("VM {}: its energy would not go with it to another host: {}", uuid, problem);
    }
}

} // namespace wattvisor::host
