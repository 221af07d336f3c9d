// SPDX-License-Identifier: Apache-2.0
#include "host-agent/enroll.hpp"

#include "common/cli/safe_text.hpp"
#include "common/config/closest_name.hpp"
#include "host-agent/libvirt_handles.hpp"
#include "virtiofs/domain_xml.hpp"

#include <libvirt/virterror.h>

#include <ostream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace wattvisor::host {

namespace {

// What came of one VM: sentences for the operator, and whether it is as wanted.
struct Outcome {
    bool ok = true;
    std::string text;

    void say(std::string_view sentence) {
        text += text.empty() ? "" : " ";
        text += sentence;
        text += sentence.ends_with('.') ? "" : ".";
    }
    void fail(std::string_view sentence) {
        ok = false;
        say(sentence);
    }
};

struct Task {
    virConnectPtr connection;
    const EnrollOptions& options;
    const EnrollActions& actions;
};

struct Target {
    ShareSettings shares; // with the naming that suits this VM
    DomainHandle domain;
    std::string name;
    std::string uuid;
    std::string folder;      // the one that its share exports
    bool persistent = false; // has a stored configuration
    bool active = false;
};

// Names are pasted into a shell: nothing in them may mean anything there.
std::string shell_word(std::string_view text) {
    std::string word = "'";
    for (const char c : text) {
        word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return printable(word + "'");
}

Error not_found(virConnectPtr connection, const std::string& wanted) {
    Error error{Severity::fatal, "there is no such VM", {}, "List them with: wattvisor-host vms"};
    std::vector<std::string> names;
    if (const auto domains = list_domains(connection, 0)) {
        for (const DomainHandle& domain : *domains) {
            names.push_back(domain_name(domain.get()));
        }
    }
    if (const auto meant = closest_name(wanted, names)) {
        error.hint = "Did you mean " + shell_word(*meant) + "?";
    }
    return error;
}

Result<Target> find(const Task& task, const std::string& wanted) {
    virConnectPtr connection = task.connection;
    DomainHandle domain(virDomainLookupByName(connection, wanted.c_str()));
    if (!domain) {
        Error error = last_libvirt_error({});
        if (error.severity != Severity::gone) {
            return error;
        }
        domain.reset(virDomainLookupByUUIDString(connection, wanted.c_str()));
    }
    if (!domain) {
        return not_found(connection, wanted);
    }
    Target target;
    target.name = domain_name(domain.get());
    target.uuid = domain_uuid(domain.get());
    target.shares = task.options.shares;
    target.shares.folder = naming_for(target.shares, target.name);
    const auto folder = exported_share_folder(target.shares, target.uuid, target.name);
    if (!folder) {
        return folder.error();
    }
    target.folder = folder->string();
    target.persistent = virDomainIsPersistent(domain.get()) == 1;
    target.active = virDomainIsActive(domain.get()) == 1;
    target.domain = std::move(domain);
    return target;
}

std::string restart_hint(const Target& target) {
    const std::string name = shell_word(target.name);
    return "virsh shutdown " + name + ", and when it is off: virsh start " + name;
}

// The stored configuration. SECURE keeps the passwords that a plain dump leaves out: without it,
// defining the domain again would lose them.
// https://libvirt.org/html/libvirt-libvirt-domain.html#VIR_DOMAIN_XML_SECURE
Result<std::string> stored_xml(const Target& target) {
    return domain_xml_text(target.domain.get(), VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
}

Result<void> define(virConnectPtr connection, const std::string& xml) {
    const DomainHandle defined(virDomainDefineXML(connection, xml.c_str()));
    if (!defined) {
        return last_libvirt_error("libvirt refused the changed configuration");
    }
    return {};
}

// False if the stored configuration could not be made as wanted.
template <typename Edit>
bool change_stored(const Task& task, const Target& target, Outcome& outcome, Edit edit,
                   std::string_view done, std::string_view before) {
    const auto xml = stored_xml(target);
    const auto edited = xml ? edit(*xml) : Result<XmlEdit>(xml.error());
    if (!edited) {
        outcome.fail(edited.error().message());
        return false;
    }
    if (!edited->changed()) {
        outcome.say(before);
        return true;
    }
    if (const auto defined = define(task.connection, edited->xml); !defined) {
        outcome.fail(defined.error().message());
        return false;
    }
    std::string what;
    for (const std::string& change : edited->changes) {
        what += (what.empty() ? " (" : "; ") + change;
    }
    outcome.say(std::string(done) + what + ")");
    return true;
}

Result<DomainXml> live_xml(const Target& target) {
    const auto text = domain_xml_text(target.domain.get(), 0);
    return text ? parse_domain(*text) : Result<DomainXml>(text.error());
}

// The folder has to be there before QEMU's virtiofsd opens it.
void attach_live(const Task& task, const Target& target, const DomainXml& live, Outcome& outcome) {
    if (!live.shared_memory) {
        outcome.fail("It runs without shared memory, which virtiofs needs, so the share cannot be "
                     "attached to it now; stop and start it: " +
                     restart_hint(target));
        return;
    }
    const ShareSettings& shares = target.shares;
    const auto made = task.actions.make_share(shares, target.uuid, target.name);
    if (!made) {
        outcome.fail("Its share could not be made: " + made.error().message());
        return;
    }
    const std::string device = share_device_xml(target.folder, task.options.virtiofsd);
    if (const auto attached = task.actions.attach(target.domain.get(), device); !attached) {
        outcome.fail("The share could not be attached: " + attached.error().message());
        if (made->state == ShareState::made) {
            static_cast<void>(task.actions.remove_share(shares, target.uuid, target.name));
        }
        return;
    }
    outcome.say("The share is attached; in the VM: mount -t virtiofs scaphandre /var/scaphandre");
}

void enroll_running(const Task& task, const Target& target, Outcome& outcome) {
    const auto live = live_xml(target);
    if (!live) {
        outcome.fail(live.error().message());
    } else if (!live->share_source.empty()) {
        outcome.say("The running VM has the share");
    } else if (task.options.live) {
        attach_live(task, target, *live, outcome);
    } else {
        outcome.say("It is running: the share comes when it is stopped and started (" +
                    restart_hint(target) + "), or at once with --live");
    }
}

Outcome enroll_one(const Task& task, const Target& target) {
    Outcome outcome;
    if (!target.persistent && !task.options.live) {
        outcome.fail("it is transient, with no stored configuration to change; use --live, or add "
                     "the share to the XML that it is created from");
        return outcome;
    }
    const auto edit = [&](const std::string& xml) {
        return add_share(xml, target.folder, task.options.virtiofsd);
    };
    if (target.persistent &&
        !change_stored(task, target, outcome, edit, "enrolled", "already enrolled")) {
        return outcome;
    }
    if (target.active) {
        enroll_running(task, target, outcome);
    }
    return outcome;
}

// Asks the guest to let go of the device, which it may refuse or never answer: only when the
// device is out of the live XML may the folder behind it go.
void detach_live(const Task& task, const Target& target, const DomainXml& live, Outcome& outcome) {
    const std::string device = share_device_xml(live.share_source, task.options.virtiofsd);
    if (const auto detached = task.actions.detach(target.domain.get(), device); !detached) {
        outcome.fail("The share could not be detached: " + detached.error().message() +
                     ". In the VM, first: umount /var/scaphandre");
        return;
    }
    const auto after = live_xml(target);
    if (!after || !after->share_source.empty()) {
        outcome.fail("The VM was asked to let go of the share and still has it; in the VM: umount "
                     "/var/scaphandre, then try again");
        return;
    }
    const auto removed = task.actions.remove_share(target.shares, target.uuid, target.name);
    if (!removed) {
        outcome.fail("Detached, but its folder remains: " + removed.error().message());
        return;
    }
    outcome.say("The share is detached from the running VM");
}

Outcome unenroll_one(const Task& task, const Target& target) {
    Outcome outcome;
    if (!target.persistent && !task.options.live) {
        outcome.fail("it is transient, with no stored configuration to change; use --live");
        return outcome;
    }
    const auto edit = [](const std::string& xml) { return remove_share(xml); };
    if (target.persistent &&
        !change_stored(task, target, outcome, edit, "no longer enrolled", "not enrolled")) {
        return outcome;
    }
    const auto live = target.active ? live_xml(target) : Result<DomainXml>(DomainXml{});
    if (!live) {
        outcome.fail(live.error().message());
    } else if (!live->share_source.empty() && task.options.live) {
        detach_live(task, target, *live, outcome);
    } else if (!live->share_source.empty()) {
        outcome.say("The running VM keeps the share until it is stopped; to detach it now: --live");
    } else if (outcome.text.empty()) {
        outcome.say("the running VM has no share");
    }
    return outcome;
}

template <typename One>
int for_each_vm(const Task& task, std::span<const std::string> vms, std::ostream& out, One one) {
    int exit_code = kExitOk;
    for (const std::string& wanted : vms) {
        const auto target = find(task, wanted);
        Outcome outcome;
        if (target) {
            outcome = one(task, *target);
        } else {
            outcome.fail(target.error().message());
        }
        out << printable(target ? target->name : wanted) << ": " << outcome.text << '\n';
        exit_code = outcome.ok ? exit_code : kExitFailure;
    }
    return exit_code;
}

// Without the hook nobody makes the folder before QEMU starts, and the VM does not start.
void warn_without_hook(const EnrollOptions& options, std::ostream& out) {
    std::error_code ignored;
    if (!std::filesystem::exists(options.hook, ignored)) {
        out << "warning: the libvirt hook " << options.hook.string()
            << " is not installed. It makes a VM's share before the VM starts; an enrolled VM "
               "whose share is missing does not start. Install it: "
            << options.hook_install << " && systemctl reload libvirtd\n";
    }
}

Result<void> change_device(int result) {
    return result == 0 ? Result<void>() : Result<void>(last_libvirt_error({}));
}

template <typename Run>
int connected(const EnrollOptions& options, std::ostream& out, Run run) {
    const auto connection = open_connection(options.uri, ConnectMode::read_write);
    if (!connection) {
        out << "error: " << printable(connection.error().message()) << '\n';
        return kExitFailure;
    }
    return run(connection->get());
}

} // namespace

EnrollActions EnrollActions::real() {
    EnrollActions actions;
    actions.make_share = wattvisor::make_share;
    actions.remove_share = [](const ShareSettings& settings, std::string_view uuid,
                              std::string_view name) {
        return wattvisor::remove_share(settings, uuid, name);
    };
    actions.attach = [](virDomainPtr domain, const std::string& xml) {
        return change_device(
            virDomainAttachDeviceFlags(domain, xml.c_str(), VIR_DOMAIN_AFFECT_LIVE));
    };
    actions.detach = [](virDomainPtr domain, const std::string& xml) {
        return change_device(
            virDomainDetachDeviceFlags(domain, xml.c_str(), VIR_DOMAIN_AFFECT_LIVE));
    };
    return actions;
}

int enroll(virConnectPtr connection, const EnrollOptions& options, std::span<const std::string> vms,
           const EnrollActions& actions, std::ostream& out) {
    const int exit_code = for_each_vm({connection, options, actions}, vms, out, enroll_one);
    warn_without_hook(options, out);
    return exit_code;
}

int unenroll(virConnectPtr connection, const EnrollOptions& options,
             std::span<const std::string> vms, const EnrollActions& actions, std::ostream& out) {
    return for_each_vm({connection, options, actions}, vms, out, unenroll_one);
}

int enroll(const EnrollOptions& options, std::span<const std::string> vms,
           const EnrollActions& actions, std::ostream& out) {
    return connected(options, out, [&](virConnectPtr connection) {
        return enroll(connection, options, vms, actions, out);
    });
}

int unenroll(const EnrollOptions& options, std::span<const std::string> vms,
             const EnrollActions& actions, std::ostream& out) {
    return connected(options, out, [&](virConnectPtr connection) {
        return unenroll(connection, options, vms, actions, out);
    });
}

} // namespace wattvisor::host
