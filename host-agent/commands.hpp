// SPDX-License-Identifier: Apache-2.0
// What each command of wattvisor-host does. Each returns the program's exit code or throws
// StartError.
#pragma once

#include "host-agent/command_line.hpp"

namespace wattvisor::host {

int run_qemu(const HostCommandLine& line);
int run_daemon(const HostCommandLine& line);
int run_exporter(const HostCommandLine& line, const ExporterOptions& exporter);
int show_vms(const HostCommandLine& line);
int enroll_vms(const HostCommandLine& line);
int unenroll_vms(const HostCommandLine& line);

} // namespace wattvisor::host
