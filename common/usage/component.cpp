// SPDX-License-Identifier: Apache-2.0
#include "common/usage/component.hpp"

#include <algorithm>

namespace wattvisor {

namespace {

bool is_number(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "CPU 3/KVM", "CPU 0/TCG", "CPU 1/HVF", and "ALL CPUs/TCG" where one thread runs them all (QEMU's
// accel/*/*-accel-ops.c, system/cpus.c).
bool is_vcpu(std::string_view name) {
    constexpr std::string_view kPrefix = "CPU ";
    if (name.starts_with("ALL CPUs/")) {
        return true;
    }
    const auto slash = name.find('/');
    return name.starts_with(kPrefix) && slash != std::string_view::npos &&
           is_number(name.substr(kPrefix.size(), slash - kPrefix.size()));
}

} // namespace

std::string_view component_name(Component component) {
    switch (component) {
    case Component::vcpu:
        return "vcpu";
    case Component::emulator:
        return "emulator";
    case Component::iothread:
        return "iothread";
    case Component::vhost:
        return "vhost";
    case Component::virtiofsd:
        return "virtiofsd";
    case Component::swtpm:
        return "swtpm";
    case Component::network:
        return "network";
    case Component::helper:
        break;
    }
    return "helper";
}

Component component_of_thread(std::string_view name) {
    if (is_vcpu(name)) {
        return Component::vcpu;
    }
    // "IO " and the object's id, cut to 15 characters (iothread.c in QEMU); "IO mon_iothread" is
    // the monitor's.
    if (name.starts_with("IO ") && name != "IO mon_iothread") {
        return Component::iothread;
    }
    constexpr std::string_view kVhost = "vhost-";
    if (name.starts_with(kVhost) && is_number(name.substr(kVhost.size()))) {
        return Component::vhost;
    }
    return Component::emulator;
}

Component component_of_process(std::string_view name) {
    if (name.starts_with("virtiofsd")) {
        return Component::virtiofsd;
    }
    if (name.starts_with("swtpm")) {
        return Component::swtpm;
    }
    // passt runs another program of itself for processors with AVX2: "passt.avx2".
    if (name.starts_with("passt") || name.starts_with("slirp")) {
        return Component::network;
    }
    return Component::helper;
}

} // namespace wattvisor
