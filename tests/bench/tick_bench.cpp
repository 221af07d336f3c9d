// SPDX-License-Identifier: Apache-2.0
// wattvisor_tick_bench: the agents' pipeline inside one process, with nothing around it that
// differs from run to run: counters from files that it writes itself, consumers from memory, the
// ledger's file, the shares, Prometheus' page. Run under callgrind, the difference between two
// numbers of ticks is the instructions per tick. Asserts nothing: tests/bench/instructions.py holds
// the numbers against tests/bench/budgets.json.
//
// wattvisor_tick_bench host|guest CONSUMERS TICKS SCRAPES FOLDER
#include "common/accounting/meter.hpp"
#include "common/energy/powercap.hpp"
#include "common/export/metrics.hpp"
#include "common/export/prometheus_text.hpp"
#include "host-agent/ledger_keeper.hpp"
#include "host-agent/share_publisher.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace wattvisor;
using std::chrono::nanoseconds;
namespace fs = std::filesystem;

constexpr nanoseconds kInterval = std::chrono::seconds(1);
constexpr std::uint64_t kStartUj = 123'456'789'000;
constexpr std::uint64_t kPerTickUj = 54'321'987;

struct Plan {
    bool is_host = true;
    unsigned consumers = 0;
    unsigned ticks = 0;
    unsigned scrapes = 0;
    fs::path folder;
};

std::string uuid_of(unsigned number) {
    return fmt::format("00000000-0000-4000-8000-{:012d}", number);
}

void write_file(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
}

// Two sockets with dram: four zones, as on many a server.
class Counters {
public:
    explicit Counters(const fs::path& folder) : folder_(folder) {
        for (const auto& [id, name] : kZones) {
            write_file(folder_ / id / "name", std::string(name) + "\n");
            write_file(folder_ / id / "max_energy_range_uj", "262143328850\n");
        }
    }

    void step() {
        energy_uj_ += kPerTickUj;
        for (const auto& [id, name] : kZones) {
            std::ofstream(folder_ / id / "energy_uj") << energy_uj_ << '\n';
        }
    }

private:
    static constexpr std::array<std::pair<const char*, const char*>, 4> kZones{
        {{"intel-rapl:0", "package-0"},
         {"intel-rapl:0:0", "dram"},
         {"intel-rapl:1", "package-1"},
         {"intel-rapl:1:0", "dram"}}};
    fs::path folder_;
    std::uint64_t energy_uj_ = kStartUj;
};

// A tenth of them idles, the others use differently much.
class Consumers final : public ConsumerSource {
public:
    explicit Consumers(const Plan& plan) {
        for (unsigned i = 0; i < plan.consumers; ++i) {
            auto consumer = std::make_shared<Consumer>();
            consumer->kind = plan.is_host ? ConsumerKind::vm : ConsumerKind::process;
            consumer->key = plan.is_host ? uuid_of(i) : fmt::format("{}:{}", 1000 + i, 5000 + i);
            consumer->name = plan.is_host ? fmt::format("bench-{}", i) : "postgres";
            consumer->pid = static_cast<pid_t>(1000 + i);
            consumer->exe = plan.is_host ? "qemu-system-x86" : "postgres";
            consumer->cmdline = "/usr/lib/postgresql/15/bin/postgres-D/var/lib/postgresql/15/main";
            consumer->enrolled = true;
            consumer->vcpus = 2;
            sample_.consumers.push_back({std::move(consumer), {nanoseconds(0)}, nullptr, {}});
        }
        sample_.busy_time = SocketTimes{nanoseconds(0)};
    }

    [[nodiscard]] UsageSample collect() override {
        for (std::size_t i = 0; i < sample_.consumers.size(); ++i) {
            const auto used = nanoseconds(i % 10 * 123'457);
            sample_.consumers[i].cpu_time[0] += used;
            (*sample_.busy_time)[0] += used;
        }
        (*sample_.busy_time)[0] += std::chrono::milliseconds(20);
        return sample_;
    }

private:
    UsageSample sample_;
};

// Shares without mounts, as where somebody made the folders by hand.
std::vector<host::Vm> make_vms(const Plan& plan, const ShareSettings& settings) {
    std::vector<host::Vm> vms;
    for (unsigned i = 0; i < plan.consumers; ++i) {
        host::Vm vm;
        vm.uuid = uuid_of(i);
        vm.name = fmt::format("bench-{}", i);
        vm.enrolled = true;
        vm.share_source = settings.root / vm.name;
        fs::create_directories(vm.share_source);
        vms.push_back(std::move(vm));
    }
    return vms;
}

void scrape(const Plan& plan, const SnapshotPtr& snapshot) {
    MetricOptions options;
    options.qemu = plan.is_host;
    std::size_t last_size = 0;
    for (unsigned i = 0; i < plan.scrapes; ++i) {
        std::string page;
        page.reserve(last_size + last_size / 8); // as the exporter does
        PrometheusText sink(page);
        write_metrics(*snapshot, options, SelfStats{}, sink);
        last_size = page.size();
        if (page.empty()) {
            std::exit(EXIT_FAILURE);
        }
    }
}

void run(const Plan& plan) {
    Counters counters(plan.folder / "powercap");
    PowercapSource energy(plan.folder / "powercap");
    Consumers consumers(plan);
    Meter meter({"0123456789abcdef", kInterval, std::chrono::hours(24), {}},
                Ledger(plan.is_host ? Residual::idle : Residual::other));
    host::LedgerKeeper keeper(
        meter, {plan.folder / "ledger.json", plan.folder / "saved.json", std::chrono::hours(1), {}},
        "boot");
    ShareSettings settings;
    settings.root = plan.folder / "shares";
    settings.run_dir = plan.folder / "run";
    host::SharePublisher shares(settings, host::ShareLayout::merged);
    if (plan.is_host) {
        shares.update(make_vms(plan, settings));
    }
    SnapshotPtr snapshot;
    for (unsigned tick = 0; tick < plan.ticks; ++tick) {
        counters.step();
        const auto since = kInterval * static_cast<std::int64_t>(tick + 1);
        const std::chrono::system_clock::time_point wall(std::chrono::hours(480'000) + since);
        snapshot = meter.tick({since, wall, tick + 1, 0, since}, energy, consumers);
        if (plan.is_host) {
            keeper.publish(snapshot);
            shares.publish(snapshot);
        }
    }
    scrape(plan, snapshot);
    for (const host::SharePublisher::Status& share : shares.status()) {
        if (!share.up) {
            fmt::print(stderr, "VM {}: {}\n", share.uuid, share.problem);
            std::exit(EXIT_FAILURE);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        fmt::print(stderr, "usage: {} host|guest CONSUMERS TICKS SCRAPES FOLDER\n", argv[0]);
        return EXIT_FAILURE;
    }
    try {
        const auto number = [argv](int i) { return static_cast<unsigned>(std::stoul(argv[i])); };
        run({std::string_view(argv[1]) == "host", number(2), number(3), number(4), argv[5]});
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
