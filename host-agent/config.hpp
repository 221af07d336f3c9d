// SPDX-License-Identifier: Apache-2.0
// The host agent's configuration: plain structs whose initial values are the defaults, and their
// reading from YAML. deploy/wattvisor-host.yaml shows every key; a test holds it to these defaults.
// Used once while starting, on the main thread. Reading text is pure; only load_host_config() opens
// a file. Nothing here checks whether a path or libvirt exists: that is for those who use it.
#pragma once

#include "common/accounting/policy.hpp"
#include "common/cli/exporter_options.hpp"
#include "common/config/yaml_reader.hpp"
#include "common/usage/cpu_time_choice.hpp"
#include "host-agent/ledger_keeper.hpp"
#include "host-agent/published_zones.hpp"
#include "virtiofs/share_paths.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor::host {

struct LibvirtSettings {
    std::string uri = "qemu:///system";
    // Where libvirt's QEMU driver keeps NAME.pid; see qemu_run_dir() for qemu:///session.
    std::filesystem::path run_dir = "/run/libvirt/qemu";
    std::chrono::nanoseconds reconcile = std::chrono::seconds(1);

    friend bool operator==(const LibvirtSettings&, const LibvirtSettings&) = default;
};

struct Roots {
    std::filesystem::path proc = "/proc";
    std::filesystem::path sys = "/sys";
    // Follows `sys` unless the file gives it.
    std::filesystem::path powercap = "/sys/class/powercap";

    friend bool operator==(const Roots&, const Roots&) = default;
};

struct HostConfig {
    std::chrono::nanoseconds interval = std::chrono::seconds(1);
    PolicySettings policy;
    CpuTimeChoice cpu_time = CpuTimeChoice::automatic;
    // Processes beside the VMs as consumers of their own, and whether their memory and storage are
    // read, and those of VMs' QEMU processes. Both cost more than VMs alone.
    bool processes = false;
    bool resources = false;
    LibvirtSettings libvirt;
    Roots roots;
    ShareSettings shares;
    ShareLayout share_layout = ShareLayout::merged;
    LedgerSettings ledger;
    // None unless the file asks for one: a port is opened only where somebody wrote so.
    std::vector<ExporterPlan> exporters;
};

struct HostConfigReading {
    HostConfig config;
    std::vector<ConfigProblem> problems; // config may be used only if this is empty
};

// `file` only names the text in problems.
[[nodiscard]] HostConfigReading read_host_config(std::string_view text, std::string file);

// Reads the file or throws StartError with kExitConfiguration and every problem on a line.
[[nodiscard]] HostConfig load_host_config(const std::filesystem::path& file);

} // namespace wattvisor::host
