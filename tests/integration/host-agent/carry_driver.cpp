// SPDX-License-Identifier: Apache-2.0
// The host agent's watcher with the smallest ledger that can be: every tick charges each VM that
// runs one microjoule, and prints what it knows as a line of JSON. So the end-to-end tests know the
// truth of a VM that moves between hosts exactly. Ends with SIGTERM, or when its output is closed.
//
//   wattvisor-carry-driver URI RUN_DIR LEDGER_ID TICK_MS CARRY_PERIOD_MS
#include "common/accounting/carried_energy.hpp"
#include "host-agent/libvirt_watcher.hpp"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace {

using namespace wattvisor;
using namespace wattvisor::host;

volatile std::sig_atomic_t stop_now = 0;

struct Row {
    std::uint64_t charged = 0;
    int start = -1; // libvirt's id of the start that was learnt
    pid_t pid = 0;
    bool running = false;
    CarriedAccount carried;
};

KindEnergy package(std::uint64_t uj) {
    KindEnergy energy;
    energy[ZoneKind::package] = uj;
    return energy;
}

class TinyLedger {
public:
    explicit TinyLedger(LedgerId id) : id_(id) {}

    void tick(const VmList& list) {
        for (auto& [uuid, row] : rows_) {
            row.running = false;
        }
        for (const Vm& vm : list.vms) {
            Row& row = rows_[vm.uuid];
            if (row.start != vm.libvirt_id) {
                row.start = vm.libvirt_id;
                row.carried.learn(vm.carried, id_, package(row.charged));
            }
            row.running = true;
            row.pid = vm.pid;
            ++row.charged;
        }
    }

    [[nodiscard]] std::optional<CarriedEnergy> to_carry(const std::string& uuid) const {
        const auto row = rows_.find(uuid);
        return row == rows_.end() ? std::nullopt
                                  : row->second.carried.to_carry(id_, package(row->second.charged));
    }

    [[nodiscard]] std::string text(std::chrono::milliseconds silent) const {
        std::string text = "{";
        for (const auto& [uuid, row] : rows_) {
            text += fmt::format(
                R"({}"{}":{{"charged":{},"before":{},"id":{},"pid":{},"running":{},"silent_ms":{}}})",
                text.size() == 1 ? "" : ",", uuid, row.charged,
                row.carried.before()[ZoneKind::package], row.start, row.pid, row.running,
                silent.count());
        }
        return text + "}\n";
    }

private:
    LedgerId id_;
    std::map<std::string, Row> rows_;
};

int run(char** arguments) {
    const auto id = parse_ledger_id(arguments[3]);
    if (!id) {
        return EXIT_FAILURE;
    }
    WatcherSettings settings;
    settings.uri = arguments[1];
    settings.run_dir = arguments[2];
    settings.reconcile = std::chrono::milliseconds(200);
    settings.carry = std::make_shared<CarryMailbox>();
    settings.carry_timing.period = std::chrono::milliseconds(std::atoi(arguments[5]));
    settings.carry_timing.busy_retry = std::chrono::milliseconds(300);
    settings.carry_timing.after_end = std::chrono::seconds(2);
    std::mutex mutex;
    VmList latest;
    LibvirtWatcher watcher(settings, [&](VmList list) {
        const std::lock_guard lock(mutex);
        latest = std::move(list);
    });
    watcher.start();
    TinyLedger ledger(*id);
    while (stop_now == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(std::atoi(arguments[4])));
        {
            const std::lock_guard lock(mutex);
            ledger.tick(latest);
        }
        const auto silent = std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - watcher.last_answer());
        if (std::fputs(ledger.text(silent).c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
            break;
        }
        settings.carry->serve([&](const std::string& uuid) { return ledger.to_carry(uuid); });
    }
    return watcher.stop() ? EXIT_SUCCESS : EXIT_FAILURE;
}

} // namespace

int main(int count, char** arguments) {
    constexpr int kArguments = 6;
    if (count != kArguments) {
        return EXIT_FAILURE;
    }
    std::signal(SIGTERM, [](int) { stop_now = 1; });
    return run(arguments);
}
