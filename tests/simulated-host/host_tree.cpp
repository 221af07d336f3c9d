// SPDX-License-Identifier: Apache-2.0
#include "tests/simulated-host/host_tree.hpp"

#include "tests/simulated-host/machine_files.hpp"

#include <utility>

namespace wattvisor::simulated {

namespace fs = std::filesystem;

namespace {

// Who starts with --root / as root must not find his host gone: only what this file is beside is
// ever removed.
constexpr const char* kMark = ".wattvisor-simulated-host";

Result<bool> make_room(const fs::path& root) {
    std::error_code error;
    const bool is_ours = fs::exists(root / kMark, error);
    for (const char* folder : {"proc", "sys", "run", "libvirt"}) {
        if (!is_ours && fs::exists(root / folder, error)) {
            return Error{Severity::fatal, "is there already and is not of a simulated host",
                         (root / folder).string(), "Choose an empty folder for --root"};
        }
        fs::remove_all(root / folder, error);
        if (error) {
            return system_error(error.value(), (root / folder).string());
        }
    }
    fs::create_directories(root, error);
    return error ? system_error(error.value(), root.string()) : place_text(root / kMark, "");
}

} // namespace

HostTree::HostTree(fs::path root, std::unique_ptr<DescriptorBudget> budget, ZoneTree zones,
                   ProcTree processes, std::optional<CgroupTree> cgroups, LibvirtFiles libvirt)
    : root_(std::move(root)), budget_(std::move(budget)), zones_(std::move(zones)),
      processes_(std::move(processes)), cgroups_(std::move(cgroups)), libvirt_(std::move(libvirt)) {
}

Result<HostTree> HostTree::create(const fs::path& root, const SimulatedHost& host) {
    if (const auto room = make_room(root); !room) {
        return room.error();
    }
    auto budget = std::make_unique<DescriptorBudget>(DescriptorBudget::of_process());
    if (auto written = write_machine_files(root / "sys", host); !written) {
        return written.error();
    }
    auto zones = ZoneTree::create(root / "sys/class/powercap", host.zones(), *budget);
    if (!zones) {
        return zones.error();
    }
    auto processes = ProcTree::create(root / "proc", host, *budget);
    if (!processes) {
        return processes.error();
    }
    std::optional<CgroupTree> cgroups;
    if (host.scenario().host.cgroup != CgroupVersion::none) {
        auto created = CgroupTree::create(root / "sys/fs/cgroup", host, *budget);
        if (!created) {
            return created.error();
        }
        cgroups.emplace(std::move(*created));
    }
    auto libvirt = LibvirtFiles::create(root / "run/libvirt/qemu", root / "libvirt/node.xml", host);
    if (!libvirt) {
        return libvirt.error();
    }
    return HostTree(root, std::move(budget), std::move(*zones), std::move(*processes),
                    std::move(cgroups), std::move(*libvirt));
}

Result<bool> HostTree::write(const SimulatedHost& host) {
    if (auto written = zones_.write(host.zones()); !written) {
        return written;
    }
    if (auto written = processes_.write(host); !written) {
        return written;
    }
    if (cgroups_) {
        if (auto written = cgroups_->write(host); !written) {
            return written;
        }
    }
    return libvirt_.write(host);
}

std::string HostTree::libvirt_uri() const {
    return "test://" + fs::absolute(root_ / "libvirt/node.xml").string();
}

std::vector<std::string> HostTree::agent_options() const {
    return {"--sys",
            sys().string(),
            "--proc",
            proc().string(),
            "--libvirt-uri",
            libvirt_uri(),
            "--libvirt-run-dir",
            libvirt_run_dir().string()};
}

} // namespace wattvisor::simulated
