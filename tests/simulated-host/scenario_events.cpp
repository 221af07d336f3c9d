// SPDX-License-Identifier: Apache-2.0
// The part of a scenario file that says what happens: faults of counters, VMs that come and go.
#include "tests/simulated-host/scenario_fields.hpp"
#include "tests/simulated-host/zone_bank.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>

namespace wattvisor::simulated {

namespace {

constexpr std::array kKinds{
    YamlChoice<EventKind>{"counter-reset", EventKind::counter_reset},
    YamlChoice<EventKind>{"counter-freeze", EventKind::counter_freeze},
    YamlChoice<EventKind>{"counter-lose", EventKind::counter_lose},
    YamlChoice<EventKind>{"counter-jump", EventKind::counter_jump},
    YamlChoice<EventKind>{"counter-vanish", EventKind::counter_vanish},
    YamlChoice<EventKind>{"counter-unreadable", EventKind::counter_unreadable},
    YamlChoice<EventKind>{"counter-garbage", EventKind::counter_garbage},
    YamlChoice<EventKind>{"suspend", EventKind::suspend},
    YamlChoice<EventKind>{"vm-start", EventKind::vm_start},
    YamlChoice<EventKind>{"vm-stop", EventKind::vm_stop},
    YamlChoice<EventKind>{"vm-restart", EventKind::vm_restart},
    YamlChoice<EventKind>{"vm-rename", EventKind::vm_rename},
    YamlChoice<EventKind>{"process-rename", EventKind::process_rename}};

bool is_zone_event(EventKind kind) {
    return kind <= EventKind::suspend;
}

std::string folders(const ZoneBank& bank) {
    std::string text;
    for (const BankZone& zone : bank.zones()) {
        text += (text.empty() ? "" : ", ") + zone.folder;
    }
    return text;
}

void read_zone(YamlSection& section, const ZoneBank& bank, Event& event) {
    section.read("zone", event.target);
    const auto is_it = [&event](const BankZone& zone) { return zone.folder == event.target; };
    if (!event.target.empty() && std::none_of(bank.zones().begin(), bank.zones().end(), is_it)) {
        section.add_problem("zone", "this host has no such zone; it has " + folders(bank));
    }
}

// A VM that an earlier event gave its name counts.
void read_vm(YamlSection& section, const Scenario& scenario, Event& event) {
    section.require("vm", "vm: web-1");
    section.read("vm", event.target);
    const bool is_vm = std::any_of(scenario.vms.begin(), scenario.vms.end(),
                                   [&](const VmSpec& vm) { return vm.name == event.target; });
    const bool was_renamed =
        std::any_of(scenario.events.begin(), scenario.events.end(), [&](const Event& other) {
            return other.kind == EventKind::vm_rename && other.text == event.target;
        });
    if (section.has("vm") && !is_vm && !was_renamed) {
        section.add_problem("vm", "there is no VM of this name");
    }
}

void read_process(YamlSection& section, const Scenario& scenario, Event& event) {
    section.require("process", "process: backup");
    section.read("process", event.target);
    if (section.has("process") &&
        std::none_of(scenario.processes.begin(), scenario.processes.end(),
                     [&](const ProcessSpec& each) { return each.name == event.target; })) {
        section.add_problem("process", "there is no process of this name");
    }
}

void read_details(YamlSection& section, Event& event) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 4;
    switch (event.kind) {
    case EventKind::counter_reset:
        section.read("to_uj", event.value, 0, kMost);
        break;
    case EventKind::counter_jump:
        section.require("by_uj", "by_uj: 5000000");
        section.read("by_uj", event.value, -kMost, kMost);
        break;
    case EventKind::counter_garbage:
        section.read("text", event.text);
        break;
    case EventKind::vm_restart:
        section.read("same_pid", event.same_pid);
        break;
    case EventKind::vm_rename:
    case EventKind::process_rename:
        section.require("to", "to: web-2");
        section.read("to", event.text);
        break;
    default:
        break;
    }
    if (event.kind >= EventKind::counter_freeze && event.kind <= EventKind::suspend &&
        event.kind != EventKind::counter_jump) {
        section.read("lasts", event.lasts, nanoseconds(1), kLongestTime);
    }
}

} // namespace

void read_events(YamlSection& root, Scenario& scenario) {
    const ZoneBank bank(scenario.host, scenario.power);
    for (YamlSection& section : root.list("events")) {
        Event event;
        section.require("at", "at: 10s");
        section.read("at", event.at, nanoseconds(0), kLongestTime);
        section.require("do", "do: counter-reset");
        if (!section.read_choice("do", event.kind, std::span(kKinds))) {
            section.ignore_other_keys(); // which ones are right depends on what is done
            continue;
        }
        if (is_zone_event(event.kind)) {
            read_zone(section, bank, event);
        } else if (event.kind == EventKind::process_rename) {
            read_process(section, scenario, event);
        } else {
            read_vm(section, scenario, event);
        }
        read_details(section, event);
        scenario.events.push_back(std::move(event));
    }
}

} // namespace wattvisor::simulated
