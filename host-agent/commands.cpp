// SPDX-License-Identifier: Apache-2.0
#include "host-agent/commands.hpp"

#include "common/accounting/ledger_file.hpp"
#include "common/export/paced_exporter.hpp"
#include "host-agent/agent.hpp"
#include "host-agent/enroll.hpp"
#include "host-agent/vms_list.hpp"
#include "host-agent/vms_table.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <iostream>
#include <sys/stat.h>
#include <unordered_map>

namespace wattvisor::host {

namespace {

HostConfig default_config(const HostCommandLine& line) {
    HostConfig config;
    apply_options(line, config);
    return config;
}

// Without --config the file may be missing: then the defaults are the configuration.
HostConfig file_config(const HostCommandLine& line) {
    std::error_code error;
    const bool is_there = std::filesystem::exists(line.run.config, error);
    HostConfig config =
        is_there || line.run.config_given ? load_host_config(line.run.config) : HostConfig();
    apply_options(line, config);
    return config;
}

// The ledger is the running agent's word on watts, as long as it is fresh.
bool is_fresh(const LedgerRecord& record) {
    using namespace std::chrono;
    const auto age = system_clock::now().time_since_epoch() - milliseconds(record.written_unix_ms);
    return age < 3 * nanoseconds(record.interval_ns) + seconds(3);
}

double joules(const Account& account, const std::vector<ZoneTotals>& zones) {
    std::uint64_t sum_uj = 0;
    for (std::size_t zone = 0; zone < zones.size(); ++zone) {
        sum_uj += counts_in_total(zones[zone].zone.kind) ? account.total_uj[zone] : 0;
    }
    return static_cast<double>(sum_uj) / 1e6;
}

// A share is well when the agent runs and its files are there; nothing in it is read.
bool has_published_files(const std::string& share_source) {
    struct stat status {};
    const std::string snapshot = share_source + "/wattvisor/snapshot";
    return ::lstat(snapshot.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

void add_energy(std::vector<VmRow>& rows, const LedgerRecord& record) {
    const bool fresh = is_fresh(record);
    std::unordered_map<std::string, const LedgerRecord::Row*> by_uuid;
    for (const LedgerRecord::Row& row : record.rows) {
        by_uuid.emplace(row.account.consumer->key, &row);
    }
    for (VmRow& row : rows) {
        if (row.enrolled == Enrollment::yes && row.state == "running") {
            row.share_ok = fresh && has_published_files(row.share_source);
        }
        const auto known = by_uuid.find(row.uuid);
        if (known == by_uuid.end()) {
            continue;
        }
        row.joules = joules(known->second->account, record.zones);
        if (fresh && known->second->account.listed && known->second->power_uw) {
            row.watts = static_cast<double>(*known->second->power_uw) / 1e6;
        }
    }
}

EnrollOptions enroll_options(const HostCommandLine& line) {
    const HostConfig config = file_config(line);
    EnrollOptions options;
    options.uri = config.libvirt.uri;
    options.shares = config.shares;
    options.virtiofsd = line.enroll.virtiofsd;
    options.live = line.enroll.live;
    return options;
}

} // namespace

int run_qemu(const HostCommandLine& line) {
    return run_agent({default_config(line), true});
}

int run_daemon(const HostCommandLine& line) {
    const HostConfig config = file_config(line);
    if (line.run.check_config) {
        std::cout << line.run.config.string() << ": the configuration is good\n";
        return kExitOk;
    }
    return run_agent({config, true});
}

int run_exporter(const HostCommandLine& line, const ExporterOptions& exporter) {
    HostConfig config = default_config(line);
    config.interval = tick_interval(exporter, config.interval);
    config.exporters = {ExporterPlan{exporter, {}, {}}};
    // As Scaphandre, which knows processes only. The daemon is asked for it in its configuration.
    config.processes = line.host.processes.value_or(true);
    config.resources = line.global.resources;
    return run_agent({config, false});
}

int show_vms(const HostCommandLine& line) {
    const HostConfig config = file_config(line);
    auto rows = list_all_vms(config.libvirt.uri);
    if (!rows) {
        throw StartError(rows.error().message());
    }
    const auto record = read_ledger_file(config.ledger.file);
    if (record) {
        add_energy(*rows, *record);
    }
    if (line.vms.json) {
        std::cout << render_vms_json(*rows);
        return kExitOk;
    }
    std::cout << render_vms_table(*rows);
    if (!record && record.error().severity != Severity::gone) {
        std::cerr << record.error().message() << '\n';
    } else if (!record || !is_fresh(*record)) {
        std::cerr << "No agent measures at the moment, so there are no watts. Start one with "
                     "'wattvisor-host qemu' or 'wattvisor-host run'.\n";
    }
    return kExitOk;
}

int enroll_vms(const HostCommandLine& line) {
    return enroll(enroll_options(line), line.enroll.names, EnrollActions::real(), std::cout);
}

int unenroll_vms(const HostCommandLine& line) {
    return unenroll(enroll_options(line), line.enroll.names, EnrollActions::real(), std::cout);
}

} // namespace wattvisor::host
