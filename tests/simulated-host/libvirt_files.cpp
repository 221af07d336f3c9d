// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/libvirt_files.hpp"

#include "tests/simulated-host/padded_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace wattvisor::simulated {

namespace fs = std::filesystem;

namespace {

// virDomainDefGetShortName() of libvirt: the id and the first 20 characters of the name.
std::string short_name(const VirtualMachine& vm) {
    constexpr std::size_t kLongest = 20;
    return fmt::format("{}-{}", vm.libvirt_id, vm.name.substr(0, kLongest));
}

// Where libvirt's QEMU driver puts a helper's pid; nothing for a vhost thread, which has none.
std::string helper_file(const VirtualMachine& vm, Component component, unsigned number) {
    const std::string name = short_name(vm);
    switch (component) {
    case Component::virtiofsd:
        return fmt::format("{}-fs{}-fs.pid", name, number);
    case Component::swtpm:
        return fmt::format("swtpm/{}-swtpm.pid", name);
    case Component::passt:
        return fmt::format("passt/{}-net{}-passt.pid", name, number);
    case Component::slirp:
        return fmt::format("slirp/{}-net{}-slirp.pid", name, number);
    default:
        return {};
    }
}

std::map<std::string, std::string> pid_files(const Population& population) {
    std::map<std::string, std::string> files;
    for (const VirtualMachine& vm : population.vms()) {
        if (!vm.is_running()) {
            continue;
        }
        files[escape_xml(vm.name) + ".pid"] = std::to_string(vm.pid);
        std::map<Component, unsigned> numbers;
        for (const auto& [component, pid] : vm.helpers) {
            const std::string file = helper_file(vm, component, numbers[component]++);
            if (!file.empty()) {
                files[file] = std::to_string(pid);
            }
        }
    }
    return files;
}

std::string domain_xml(const VirtualMachine& vm, std::uint64_t memory_mib) {
    std::string xml =
        fmt::format("  <domain type='test'>\n    <name>{}</name>\n", escape_xml(vm.name));
    if (!vm.spec->title.empty()) {
        xml += fmt::format("    <title>{}</title>\n", escape_xml(vm.spec->title));
    }
    xml += fmt::format("    <uuid>{}</uuid>\n    <memory unit='MiB'>{}</memory>\n"
                       "    <vcpu>{}</vcpu>\n    <os><type arch='x86_64'>hvm</type></os>\n",
                       vm.uuid, memory_mib, vm.spec->vcpus);
    if (!vm.is_running()) {
        // VIR_DOMAIN_SHUTOFF
        xml += "    <test:runstate xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>5"
               "</test:runstate>\n";
    }
    return xml + "  </domain>\n";
}

} // namespace

std::string escape_xml(const std::string& text) {
    std::string escaped;
    for (const char c : text) {
        switch (c) {
        case '&':
            escaped += "&amp;";
            break;
        case '<':
            escaped += "&lt;";
            break;
        case '>':
            escaped += "&gt;";
            break;
        case '\'':
            escaped += "&apos;";
            break;
        case '"':
            escaped += "&quot;";
            break;
        default:
            escaped += c;
        }
    }
    return escaped;
}

std::string format_node_xml(const SimulatedHost& host) {
    std::vector<const VirtualMachine*> vms;
    for (const VirtualMachine& vm : host.population().vms()) {
        vms.push_back(&vm);
    }
    // -1 of those that do not run comes last as unsigned.
    std::stable_sort(vms.begin(), vms.end(), [](const auto* a, const auto* b) {
        return static_cast<unsigned>(a->libvirt_id) < static_cast<unsigned>(b->libvirt_id);
    });
    std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                      "<!-- The VMs of a simulated host, for libvirt's test driver. -->\n<node>\n";
    for (const VirtualMachine* vm : vms) {
        xml += domain_xml(*vm, vm->spec->memory_mib);
    }
    return xml + "</node>\n";
}

Result<LibvirtFiles> LibvirtFiles::create(const fs::path& run_dir, const fs::path& node_xml,
                                          const SimulatedHost& host) {
    LibvirtFiles files;
    files.run_dir_ = run_dir;
    files.node_xml_ = node_xml;
    for (const fs::path& folder : {run_dir, run_dir / "swtpm", run_dir / "passt", run_dir / "slirp",
                                   node_xml.parent_path()}) {
        std::error_code error;
        fs::create_directories(folder, error);
        if (error) {
            return system_error(error.value(), folder.string());
        }
    }
    auto written = files.write(host);
    return written ? Result<LibvirtFiles>(std::move(files)) : Result<LibvirtFiles>(written.error());
}

Result<bool> LibvirtFiles::write(const SimulatedHost& host) {
    if (shown_generation_ == host.population().generation()) {
        return true;
    }
    shown_generation_ = host.population().generation();
    auto files = pid_files(host.population());
    if (files == shown_ && !shown_.empty()) {
        return true;
    }
    for (const auto& [name, text] : shown_) {
        if (!files.contains(name)) {
            ::unlink((run_dir_ / name).c_str());
        }
    }
    for (const auto& [name, text] : files) {
        const auto known = shown_.find(name);
        if (known == shown_.end() || known->second != text) {
            if (auto placed = place_text(run_dir_ / name, text); !placed) {
                return placed;
            }
        }
    }
    shown_ = std::move(files);
    return place_text(node_xml_, format_node_xml(host));
}

} // namespace wattvisor::simulated
